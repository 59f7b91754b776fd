package delta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errPatch = errors.New("the patch is damaged")

// patchNumber reads 8 bytes of magnitude and sign.
func patchNumber(b []byte) int64 {
	x := int64(binary.LittleEndian.Uint64(b) &^ (1 << 63))
	if b[7]&0x80 != 0 {
		return -x
	}
	return x
}

func appendPatchNumber(b []byte, x int64) []byte {
	if x < 0 {
		return binary.LittleEndian.AppendUint64(b, uint64(-x)|1<<63)
	}
	return binary.LittleEndian.AppendUint64(b, uint64(x))
}

// applyPatch writes the size bytes that the patch makes of old.
func applyPatch(dst io.Writer, old, patch []byte, size int64) error {
	buf := make([]byte, 32<<10)
	pos, left := int64(0), size
	for left > 0 {
		if len(patch) < 24 {
			return fmt.Errorf("%w: it ends %d bytes too early", errPatch, left)
		}
		x, y, z := patchNumber(patch), patchNumber(patch[8:]), patchNumber(patch[16:])
		patch = patch[24:]
		if x < 0 || y < 0 || x > left || y > left-x || x > int64(len(patch)) || y > int64(len(patch))-x {
			return fmt.Errorf("%w: %d and %d bytes do not fit", errPatch, x, y)
		}
		if err := addOld(dst, buf, old, pos, patch[:x]); err != nil {
			return err
		}
		if _, err := dst.Write(patch[x : x+y]); err != nil {
			return err
		}
		patch, left = patch[x+y:], left-x-y
		next := pos + x
		if z > 0 && next > 1<<62-z || z < 0 && next < -(1<<62)-z {
			return fmt.Errorf("%w: it moves by %d", errPatch, z)
		}
		pos = next + z
	}
	if len(patch) > 0 {
		return fmt.Errorf("%w: %d bytes follow its end", errPatch, len(patch))
	}
	return nil
}

// addOld writes diff with old[pos:] added; outside of old there are zeros.
func addOld(dst io.Writer, buf, old []byte, pos int64, diff []byte) error {
	for len(diff) > 0 {
		n := copy(buf, diff)
		for i := range n {
			if at := pos + int64(i); at >= 0 && at < int64(len(old)) {
				buf[i] += old[at]
			}
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return err
		}
		diff, pos = diff[n:], pos+int64(n)
	}
	return nil
}
