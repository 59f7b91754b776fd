package sandbox

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSubordinate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "subuid")
	for _, tc := range []struct {
		text string
		want []syscall.SysProcIDMap
	}{
		{"4242:100000:65536\n", []syscall.SysProcIDMap{{HostID: 7, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65535}}},
		{"# text\nx:1:65536\n4242:10:5\n4242:bad:5\n4242:100000:65530\n4242:1:70000\n", []syscall.SysProcIDMap{
			{HostID: 7, Size: 1}, {ContainerID: 1, HostID: 10, Size: 5}, {ContainerID: 6, HostID: 100000, Size: 65530}}},
		{"4242:100000:65534\n", nil},
		{"4242:100000:99999999999\n", nil},
		{"", nil},
	} {
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readSubordinate(file, 4242, 7)
		if !slices.Equal(got, tc.want) || (err == nil) != (tc.want != nil) {
			t.Errorf("%q: got %v, %v, want %v", tc.text, got, err, tc.want)
		}
	}
}

func TestRootMap(t *testing.T) {
	dir := t.TempDir()
	for _, tc := range []struct {
		text string
		want int64
	}{
		{"         0          0 4294967295\n", 4294967295},
		{"0 1000 1\n1 100000 65536\n", 65537},
		{"0 1000 1\n5 100000 65536\n", 1},
		{"", 0},
	} {
		file := filepath.Join(dir, "map")
		if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := idsFromZero(file); got != tc.want {
			t.Errorf("%q: got %d ids, want %d", tc.text, got, tc.want)
		}
		if got := rootMap(file, file); got.Full != (tc.want >= mappedIDs) || got.Why == "" {
			t.Errorf("%q: got %+v", tc.text, got)
		}
	}
}

func TestMissingTools(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	file := filepath.Join(t.TempDir(), "subuid")
	if err := os.WriteFile(file, fmt.Appendf(nil, "%d:100000:65536\n", os.Geteuid()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := subordinateMap(file, file); got.Full || !strings.Contains(got.Why, "install the package uidmap") {
		t.Errorf("without newuidmap: got %+v, want what to install", got.Mapping)
	}
}

func TestExplain(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want string
	}{
		{explainNamespace(syscall.EPERM), "kernel.unprivileged_userns_clone=1"},
		{explainNamespace(syscall.EPERM), "apparmor_restrict_unprivileged_userns=0"},
		{explainNamespace(syscall.ENOSPC), "user.max_user_namespaces is reached"},
		{explainMount("/cache", syscall.EINVAL), "/cache: invalid argument: the file system of this folder cannot hold it: choose a cache folder"},
		{explainMount("/cache", syscall.EOPNOTSUPP), "choose a cache folder"},
		{explainMount("/cache", syscall.ENODEV), "load the module overlay"},
		{explainMount("/cache", syscall.EPERM), "from Linux 5.11 on"},
		{reply{Err: "no space", Errno: syscall.ENOSPC}.fault(), "no space"},
	} {
		if !strings.Contains(tc.err.Error(), tc.want) {
			t.Errorf("got %q, want it to say %q", tc.err, tc.want)
		}
	}
	if err := (reply{Err: "no space", Errno: syscall.ENOSPC}).fault(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
}

func TestPlainCapability(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"0100000300200000000000000000000000000000" + "e8030000", "0100000200200000000000000000000000000000"},
		{"0100000200200000000000000000000000000000", "0100000200200000000000000000000000000000"},
		{"01", "01"}, {"", ""},
	} {
		in, _ := hex.DecodeString(tc.in)
		if got := hex.EncodeToString(plainCapability(in)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.in, got, tc.want)
		}
	}
}

func TestOwner(t *testing.T) {
	for _, tc := range []struct {
		text string
		want owner
		ok   bool
	}{
		{"0:5", owner{0, 5}, true}, {"65535:1", owner{65535, 1}, true},
		{"65536:1", owner{}, false}, {"-1:1", owner{}, false}, {"1", owner{}, false}, {"", owner{}, false}, {"1:1:1", owner{}, false},
	} {
		if got, ok := parseOwner(tc.text); ok != tc.ok || ok && got != tc.want {
			t.Errorf("%q: got %v, %v, want %v, %v", tc.text, got, ok, tc.want, tc.ok)
		}
	}
	if got, want := (owner{1, 2}).with(keepID, 7).with(9, keepID), (owner{9, 7}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOutputKeepsTheEnd(t *testing.T) {
	var long int
	o := newOutput(10, func(l []byte) { long = max(long, len(l)) })
	o.readFrom(strings.NewReader(strings.Repeat("x", 3*maxLine) + "\nthe end"))
	o.trim()
	if got, want := string(o.tail), "xx\nthe end"; got != want || !o.cut || long != maxLine {
		t.Errorf("got %q, cut %v, lines up to %d, want %q, lines up to %d", got, o.cut, long, want, maxLine)
	}
}

// TestFilter runs the filter in an interpreter of the few instructions it uses.
func TestFilter(t *testing.T) {
	for _, tc := range []struct {
		name   string
		record bool
		arch   uint32
		call   uint32
		want   uint32
	}{
		{"read", true, auditArch(), unix.SYS_READ, unix.SECCOMP_RET_ALLOW},
		{"keyctl", false, auditArch(), unix.SYS_KEYCTL, answerEPRM},
		{"sync", false, auditArch(), unix.SYS_SYNC, answerOK},
		{"fchownat", true, auditArch(), unix.SYS_FCHOWNAT, unix.SECCOMP_RET_USER_NOTIF},
		{"fchownat with all users", false, auditArch(), unix.SYS_FCHOWNAT, unix.SECCOMP_RET_ALLOW},
		{"setgroups", true, auditArch(), unix.SYS_SETGROUPS, answerOK},
		{"setuid with all users", false, auditArch(), unix.SYS_SETUID, unix.SECCOMP_RET_ALLOW},
		{"another architecture", true, auditArch() + 1, unix.SYS_FCHOWNAT, unix.SECCOMP_RET_ALLOW},
	} {
		var a uint32
		prog := buildFilter(tc.record)
		for i := 0; ; i++ {
			in := prog[i]
			if in.Code == unix.BPF_RET|unix.BPF_K {
				if in.K != tc.want {
					t.Errorf("%s: got %#x, want %#x", tc.name, in.K, tc.want)
				}
				break
			}
			switch {
			case in.Code == unix.BPF_LD|unix.BPF_W|unix.BPF_ABS:
				a = map[uint32]uint32{dataNumber: tc.call, dataArch: tc.arch}[in.K]
			case a == in.K:
				i += int(in.Jt)
			default:
				i += int(in.Jf)
			}
		}
	}
}
