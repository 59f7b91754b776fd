package solve

import (
	"strings"
	"testing"

	"github.com/treewright/treewright/rpmrepo/rpm"
)

func TestFacts(t *testing.T) {
	var table factTable
	sums := []string{
		"sha256:" + strings.Repeat("0123456789abcdef", 4), "sha256:" + strings.Repeat("ABCDEF0123456789", 4),
		"sha256:short", "sha1:" + strings.Repeat("ab", 20), "", "sha256:" + strings.Repeat("g", 64),
	}
	for i, sum := range sums {
		table.add(&rpm.Metadata{Location: "p/" + sum, Summary: strings.Repeat("s", 300*i), Checksum: sum, Size: int64(i), BuildTime: -1, HeaderEnd: 1 << 40})
	}
	for i, sum := range sums {
		f := table.get(i)
		if f.checksum != sum || f.location != "p/"+sum || len(f.summary) != 300*i || f.baseURL != "" {
			t.Errorf("%d: got %q, %q, a summary of %d bytes", i, f.checksum, f.location, len(f.summary))
		}
		if f.size != int64(i) || f.buildTime != -1 || f.headerEnd != 1<<40 || f.installedSize != 0 || f.headerStart != 0 {
			t.Errorf("%d: got numbers %+v", i, f)
		}
	}
}

func TestFactsBeyondTheEnd(t *testing.T) {
	table := factTable{data: []byte{2, 2, 2}, at: []uint32{0, 1 << 30}}
	for i := range table.at {
		if f := table.get(i); f.location != "" || f.checksum != "sha256:" {
			t.Errorf("%d: got %+v, want nothing", i, f)
		}
	}
}
