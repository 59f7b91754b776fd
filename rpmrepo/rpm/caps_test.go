package rpm_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TestParseCaps compares with what the kernel stores after setcap(8) with the
// same text: setcap TEXT file; getfattr -n security.capability -e hex file.
func TestParseCaps(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		" ":                               "",
		"=":                               "0000000200000000000000000000000000000000",
		"cap_net_raw=ep":                  "0100000200200000000000000000000000000000",
		"cap_net_raw+ep":                  "0100000200200000000000000000000000000000",
		"= cap_net_raw+ep":                "0100000200200000000000000000000000000000",
		"cap_net_raw=p":                   "0000000200200000000000000000000000000000",
		"cap_net_raw=i":                   "0000000200000000002000000000000000000000",
		"cap_net_admin,cap_net_raw=ep":    "0100000200300000000000000000000000000000",
		"CAP_SETUID,cap_setgid=ep":        "01000002c0000000000000000000000000000000",
		"cap_chown=p cap_chown-p":         "0000000200000000000000000000000000000000",
		"cap_chown=p+i":                   "0000000201000000010000000000000000000000",
		"cap_mac_admin,cap_syslog=ep":     "0100000200000000000000000600000000000000",
		"all=ep":                          "01000002ffffffff00000000ff01000000000000",
		"=ep":                             "01000002ffffffff00000000ff01000000000000",
		"=p cap_chown-p":                  "00000002feffffff00000000ff01000000000000",
		"13=ep":                           "0100000200200000000000000000000000000000",
		"cap_dac_read_search,cap_bpf=eip": "0100000204000000040000008000000080000000",
	} {
		got, err := rpm.ParseCaps(text)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%q: got %x, %v, want %s", text, got, err, want)
		}
	}
	for text, why := range map[string]string{
		"cap_net_raw":                "no operator",
		"cap_flying=ep":              "no capability",
		"net_raw=ep":                 "no capability",
		"cap_net_raw=x":              "flags are",
		"+ep":                        "no capability",
		"cap_chown=p cap_net_raw=ep": "effective must be given to all",
		"64=ep":                      "no capability",
		"-1=ep":                      "no capability",
		"cap_net_raw,=ep":            "no capability",
	} {
		got, err := rpm.ParseCaps(text)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %x, %v, want one about %q", text, got, err, why)
		}
	}
}

func FuzzParseCaps(f *testing.F) {
	f.Add("cap_net_admin,cap_net_raw=ep all-i")
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := rpm.ParseCaps(text); err == nil && len(got) != 0 && len(got) != 20 {
			t.Errorf("%q: got %d bytes", text, len(got))
		}
	})
}
