package ondisk

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// emptyMachineID leaves an empty file, with which systemd makes an identity at
// the first boot.
func emptyMachineID(data []byte) ([]byte, string, string) {
	if len(data) == 0 || string(data) == "uninitialized\n" {
		return nil, "", ""
	}
	return []byte{}, "the identity of one machine", ""
}

// clearPasswordDays empties the day of the last change where there is no
// password to change.
func clearPasswordDays(data []byte) ([]byte, string, string) {
	var out strings.Builder
	remains := ""
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(line, ":")
		if len(fields) < 4 || fields[2] == "" {
			out.WriteString(line)
			continue
		}
		if strings.HasPrefix(fields[1], "!") || strings.HasPrefix(fields[1], "*") {
			fields[2] = ""
		} else if fields[2] != "0" {
			remains = "the day on which a password was set, that of " + fields[0]
		}
		out.WriteString(strings.Join(fields, ":"))
	}
	if out.String() == string(data) {
		return nil, "", remains
	}
	return []byte(out.String()), "the days on which passwords were locked", remains
}

// clearPycTime sets the time of the source to 0. The header of compiled Python:
//
//	version and "\r\n"               4 bytes
//	flags: 1 says a hash follows     4 bytes, since Python 3.7
//	time of the source               4 bytes
//	size of the source               4 bytes, since Python 3.3
func clearPycTime(data []byte) ([]byte, string, string) {
	const python2, python37 = 20000, 3390 // versions count up to python2 from 3.0 on
	if len(data) < 16 || data[2] != '\r' || data[3] != '\n' {
		return nil, "", ""
	}
	version, at := binary.LittleEndian.Uint16(data), 4
	if version >= python37 && version < python2 {
		if at = 8; binary.LittleEndian.Uint32(data[4:])&1 != 0 {
			return nil, "", ""
		}
	}
	return clear4(data, at, "the time of its source")
}

func clear4(data []byte, at int, what string) ([]byte, string, string) {
	if binary.LittleEndian.Uint32(data[at:]) == 0 {
		return nil, "", ""
	}
	clear(data[at : at+4])
	return data, what, ""
}

// clearFontCacheTime sets the time of the folder to 0. The header of a cache, in
// the byte order and word size of its machine, of which those with 64 bits and
// the low byte first are known:
//
//	0xFC02FC04 or 0xFC02FC05, version   4 bytes each
//	size, offset of the folder's name, of the folders in it   8 bytes each
//	number of folders, 0                4 bytes each
//	offset of the fonts                 8 bytes
//	time of the folder, 0               4 bytes each
//	nanoseconds of that time            8 bytes
func clearFontCacheTime(data []byte) ([]byte, string, string) {
	const header, seconds, nanoseconds = 64, 48, 56
	if len(data) < header {
		return nil, "", ""
	}
	magic := binary.LittleEndian.Uint32(data)
	if magic != 0xfc02fc04 && magic != 0xfc02fc05 || binary.LittleEndian.Uint64(data[8:]) != uint64(len(data)) {
		return nil, "", "the time of a folder, in a form that is not known"
	}
	if binary.LittleEndian.Uint32(data[seconds:]) == 0 && binary.LittleEndian.Uint64(data[nanoseconds:]) == 0 {
		return nil, "", ""
	}
	clear(data[seconds : seconds+4])
	clear(data[nanoseconds:header])
	return data, "the time of its folder", ""
}

// clearGzipTime sets the time in the header to 0, unless a checksum covers it.
func clearGzipTime(data []byte) ([]byte, string, string) {
	const headerChecksum = 2
	if len(data) < 18 || data[0] != 0x1f || data[1] != 0x8b {
		return nil, "", ""
	}
	if data[3]&headerChecksum != 0 {
		if binary.LittleEndian.Uint32(data[4:]) == 0 {
			return nil, "", ""
		}
		return nil, "", "the time in its header, which a checksum covers"
	}
	return clear4(data, 4, "the time in its header")
}

func findPrivateKey(data []byte) ([]byte, string, string) {
	if bytes.Contains(data, []byte("-----BEGIN ")) && bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, "", "a private key, which all machines would share"
	}
	return nil, "", ""
}
