package mirror

import (
	"bytes"
	"strings"
	"testing"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/ostreetest"
)

// TestTamperedUpstream alters one thing of a good upstream at a time: nothing
// of the run may become visible, not even the refs that are good.
func TestTamperedUpstream(t *testing.T) {
	const good, bad = "app/org.up.A/x86_64/stable", "app/org.up.B/x86_64/stable"
	flip := func(u *upstream, name string) {
		data := bytes.Clone(u.Read(name))
		data[len(data)/2] ^= 1
		u.Write(name, data)
	}
	for name, tc := range map[string]struct {
		tamper  func(*upstream)
		mention string
	}{
		"commit not signed": {func(u *upstream) { u.Remove(ostreetest.ObjectFile(u.Tip(bad), ostree.ObjectCommitMeta)) }, "there is no signature"},
		"signature of another": {func(u *upstream) {
			u.Write(ostreetest.ObjectFile(u.Tip(bad), ostree.ObjectCommitMeta), u.Read(ostreetest.ObjectFile(u.Tip(good), ostree.ObjectCommitMeta)))
		}, "does not belong to this content"},
		"index altered":       {func(u *upstream) { flip(u, "summary.idx") }, "verifying summary.idx"},
		"sub-summary altered": {func(u *upstream) { flip(u, glob(u.T, u.Dir, "summaries/*.gz")[0]) }, "x86_64"},
		"summary altered": {func(u *upstream) {
			u.Remove("summary.idx")
			flip(u, "summary")
		}, "verifying the summary"},
		"no summary at all": {func(u *upstream) { u.Remove("summary.idx", "summary") }, "no summary"},
		"object missing": {func(u *upstream) {
			u.Remove(ostreetest.ObjectFile(fileOf(u, bad), ostree.ObjectFile))
		}, "/files/bin/app of " + bad},
		"object of another": {func(u *upstream) {
			u.Write(ostreetest.ObjectFile(fileOf(u, bad), ostree.ObjectFile), u.Read(ostreetest.ObjectFile(fileOf(u, good), ostree.ObjectFile)))
		}, "/files/bin/app"},
		"object truncated": {func(u *upstream) {
			name := ostreetest.ObjectFile(fileOf(u, bad), ostree.ObjectFile)
			u.Write(name, u.Read(name)[:20])
		}, "/files/bin/app"},
		"commit under another's name": {func(u *upstream) {
			u.Ostree("refs", "--delete", bad)
			u.Ostree("refs", "--create="+bad, u.Tip(good).String())
			u.update()
		}, "bound to other refs"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			u, o := newUpstream(t), newOurs(t)
			u.export("org.up.A", "x86_64", 0, "a")
			u.export("org.up.B", "x86_64", 0, "b")
			u.update()
			own := o.commit("os/ours")
			before := o.snapshot()
			tc.tamper(u)
			_, err := Mirror(t.Context(), o.options(u, "app/*"))
			wantError(t, "mirror", err, tc.mention, "mirroring upstream")
			wantStrings(t, "refs", o.refs(), "os/ours")
			if o.tip("os/ours") != own {
				t.Error("our ref moved")
			}
			o.unchanged(before)
			if r, err := origin.Read(o.repo.Path()); err != nil || len(r.Refs) != 0 {
				t.Errorf("origins: got %v, %v, want none", r, err)
			}
		})
	}
}

// fileOf returns the checksum of the application's program.
func fileOf(u *upstream, ref string) ostree.Checksum {
	u.T.Helper()
	c, err := ostree.ParseChecksum(strings.Fields(u.Ostree("ls", "-C", ref, "/files/bin/app"))[4])
	if err != nil {
		u.T.Fatal(err)
	}
	return c
}
