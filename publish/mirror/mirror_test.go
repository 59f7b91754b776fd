package mirror

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treewright/treewright/internal/origin"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/ostreetest"
	"github.com/treewright/treewright/ostree/remote"
	"github.com/treewright/treewright/ostree/sign"
)

func TestMirrorBesideOurOwn(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	a := u.export("org.up.A", "x86_64", 0, "a")
	b := u.export("org.up.B", "x86_64", 0, "b")
	u.export("org.up.A", "aarch64", 0, "a on arm")
	u.update()
	own := o.commit("app/com.ours.App/x86_64/stable")
	result := o.mirror(o.options(u, "app/org.up.*/x86_64/*"))
	wantStrings(t, "statuses", statuses(result), "new "+a, "new "+b)
	if !result.Verified || !result.Changed() || result.Objects == 0 || result.Bytes == 0 || result.Listing == 0 {
		t.Errorf("result: got %+v", *result)
	}
	// The upstream's catalogues and the other architecture stay away.
	wantStrings(t, "refs", o.refs(), "app/com.ours.App/x86_64/stable", a, b)
	if got := o.tip("app/com.ours.App/x86_64/stable"); got != own {
		t.Errorf("our ref: got %s, want %s", got, own)
	}
	for _, r := range []string{a, b} {
		if got, want := o.tip(r), u.Tip(r); got != want {
			t.Errorf("%s: got %s, want %s", r, got, want)
		}
	}
	record, err := origin.Read(o.repo.Path())
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "origins", record.From("upstream"), a, b)
	if record.Upstreams["upstream"].LastModified == 0 {
		t.Error("the age of the upstream's list is not recorded")
	}
	ostreetest.Tool(t, o.repo.Path(), "fsck")
}

// TestClientsWithEitherKeyPull has the real client verify what was mirrored,
// with the upstream's key alone and with ours alone.
func TestClientsWithEitherKeyPull(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	o.mirror(o.options(u, ref))
	upstreams, err := u.Keyring.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		key  []byte
		good bool
	}{"the upstream's": {upstreams, true}, "ours": {o.key.Public, true}, "another": {newOurs(t).key.Public, false}} {
		dir := t.TempDir()
		key := filepath.Join(dir, "key")
		if err := os.WriteFile(key, tc.key, 0o644); err != nil {
			t.Fatal(err)
		}
		client := filepath.Join(dir, "client")
		ostreetest.Tool(t, client, "init", "--mode=bare-user-only")
		ostreetest.Tool(t, client, "remote", "add", "--set=gpg-verify=true", "--gpg-import="+key, "ours", "file://"+o.repo.Path())
		err := exec.Command("ostree", "--repo="+client, "pull", "ours", ref).Run()
		if (err == nil) != tc.good {
			t.Errorf("%s key: got %v, want success: %v", name, err, tc.good)
		}
	}
}

// TestRefsThatNoIndexLists mirrors an operating system from an upstream whose
// index lists applications alone.
func TestRefsThatNoIndexLists(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	a := u.export("org.up.A", "x86_64", 0, "a")
	u.Ostree("commit", "--branch=os/x86_64/main", "--tree=ref="+a, "--gpg-sign="+u.Key, "--gpg-homedir="+u.Home)
	u.update()
	for _, tc := range []struct {
		pattern string
		want    []string
	}{
		{"app/*", []string{"new " + a}},
		{"os/*", []string{"new os/x86_64/main"}},
		{"*", []string{"unchanged " + a, "unchanged os/x86_64/main"}},
	} {
		wantStrings(t, tc.pattern, statuses(o.mirror(o.options(u, tc.pattern))), tc.want...)
	}
}

func TestSecondRunTransfersNothing(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	a := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	o.mirror(o.options(u, "app/*"))
	before := o.snapshot()
	u.Asked("")
	again := o.mirror(o.options(u, "app/*"))
	wantStrings(t, "statuses", statuses(again), "unchanged "+a)
	if again.Changed() || again.Objects != 0 || again.Bytes != 0 {
		t.Errorf("second run: got %+v, want nothing transferred", *again)
	}
	index := fmt.Sprintf("summaries/%s.idx.sig", ostree.ChecksumOf(u.Read("summary.idx")))
	wantStrings(t, "requests", u.Asked(""), "config", "summary.idx", index)
	o.unchanged(before)
}

func TestUpdateAndVanish(t *testing.T) {
	for _, form := range []string{"index", "summary"} {
		t.Run(form, func(t *testing.T) {
			u, o := newUpstream(t), newOurs(t)
			a := u.export("org.up.A", "x86_64", 0, "a")
			b := u.export("org.up.B", "x86_64", 0, "b")
			update := func() {
				u.update()
				if form == "summary" {
					u.Remove("summary.idx", "summary.idx.sig", "summaries")
				}
			}
			update()
			o.mirror(o.options(u, "app/*"))
			oldB := o.tip(b)
			u.export("org.up.A", "x86_64", 1, "a, newer")
			c := u.export("org.up.C", "x86_64", 1, "c")
			u.Ostree("refs", "--delete", b)
			update()
			result := o.mirror(o.options(u, "app/*"))
			wantStrings(t, "statuses", statuses(result), "updated "+a, "vanished "+b, "new "+c)
			if got := o.tip(a); got != u.Tip(a) || result.Refs[0].New != got || result.Refs[0].Old.IsZero() {
				t.Errorf("updated: got %s, %+v, want %s", got, result.Refs[0], u.Tip(a))
			}
			if o.tip(b) != oldB {
				t.Error("the vanished ref was not kept")
			}
			ostreetest.Tool(t, o.repo.Path(), "fsck")
		})
	}
}

func TestOneOriginPerRef(t *testing.T) {
	u, v, o := newUpstream(t), newUpstream(t), newOurs(t)
	a := u.export("org.up.A", "x86_64", 0, "a")
	b := u.export("org.up.B", "x86_64", 0, "b")
	v.export("org.up.A", "x86_64", 5, "another a")
	u.update()
	v.update()
	own := o.commit(b)
	before := o.snapshot()
	_, err := Mirror(t.Context(), o.options(u, "app/*"))
	wantError(t, "our own ref", err, b, "own", u.Server.URL)
	o.unchanged(before)
	if o.tip(b) != own {
		t.Error("our ref moved")
	}
	o.mirror(o.options(u, a))
	before = o.snapshot()
	other := o.options(v, a)
	other.Name = "other"
	_, err = Mirror(t.Context(), other)
	var conflict *origin.ConflictError
	if !errors.As(err, &conflict) || conflict.Origin != "upstream" {
		t.Errorf("another mirror's ref: got %v, want a conflict with upstream", err)
	}
	o.unchanged(before)
}

func TestRollbackIsRefused(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "old")
	old := u.Tip(ref)
	u.export("org.up.A", "x86_64", 1, "new")
	u.update()
	o.mirror(o.options(u, ref))

	// A list that is newer than the one that is served was seen before.
	seen := func(age time.Duration) {
		t.Helper()
		err := origin.Update(t.Context(), o.repo.Path(), func(r *origin.Record) error {
			r.SetUpstream("upstream", origin.Upstream{URL: u.Server.URL, LastModified: uint64(time.Now().Add(-age).Unix())})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	seen(-time.Hour)
	before := o.snapshot()
	_, err := Mirror(t.Context(), o.options(u, ref))
	wantError(t, "an old list", err, "seen before", "try again later")
	o.unchanged(before)
	seen(time.Hour)

	// A new list names an old commit.
	u.Ostree("refs", "--delete", ref)
	u.Ostree("refs", "--create="+ref, old.String())
	u.update()
	before = o.snapshot()
	_, err = Mirror(t.Context(), o.options(u, ref))
	if !errors.Is(err, remote.ErrRollback) {
		t.Errorf("an old commit: got %v, want %v", err, remote.ErrRollback)
	}
	wantError(t, "an old commit", err, ref, u.Server.URL, "allow the rollback")
	o.unchanged(before)

	allowed := o.options(u, ref)
	allowed.AllowRollback = true
	wantStrings(t, "allowed", statuses(o.mirror(allowed)), "updated "+ref)
	if o.tip(ref) != old {
		t.Errorf("allowed: got %s, want %s", o.tip(ref), old)
	}
}

func TestUnsignedUpstreams(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	opts := o.options(u, ref)
	opts.Keyring = nil
	_, err := Mirror(t.Context(), opts)
	wantError(t, "no key", err, "public key")
	opts.AllowUnsigned = true
	result := o.mirror(opts)
	if result.Verified || len(result.Warnings) == 0 {
		t.Errorf("result: got %+v, want a warning", *result)
	}
	meta, err := o.repo.CommitMeta(o.tip(ref))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := o.signer.Signed(t.Context(), u.Read(ostreetest.ObjectFile(u.Tip(ref), ostree.ObjectCommit)), meta)
	if err != nil || signed {
		t.Errorf("our signature over what nobody verified: got %v, %v, want false", signed, err)
	}
}

func TestUnsignedSummary(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	u.Remove("summary.sig", "summary.idx.sig")
	for _, f := range glob(t, u.Dir, "summaries/*.sig") {
		u.Remove(f)
	}
	_, err := Mirror(t.Context(), o.options(u, ref))
	wantError(t, "unsigned", err, "not signed")
	opts := o.options(u, ref)
	opts.AllowUnsignedSummary = true
	wantStrings(t, "allowed", statuses(o.mirror(opts)), "new "+ref)
}

func TestKeyRotationSignsAgain(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	o.mirror(o.options(u, ref))
	o.rotate()
	result := o.mirror(o.options(u, ref))
	wantStrings(t, "statuses", statuses(result), "completed "+ref)
	if result.Objects != 0 {
		t.Errorf("objects: got %d, want none", result.Objects)
	}
	keyring, err := sign.ReadKeyring(o.key.Public)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := o.repo.CommitMeta(o.tip(ref))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Verify(u.Read(ostreetest.ObjectFile(u.Tip(ref), ostree.ObjectCommit)), meta, time.Now()); err != nil {
		t.Errorf("the new key: %v", err)
	}
	if sigs, _ := meta.Get(ostree.KeyGPGSignatures); sigs.Len() != 3 {
		t.Errorf("signatures: got %d, want the upstream's and two of ours", sigs.Len())
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	before := o.snapshot()
	opts := o.options(u, "app/*")
	opts.DryRun = true
	wantStrings(t, "plan", statuses(o.mirror(opts)), "new "+ref)
	o.unchanged(before)
}

func TestRefsThatAreNotThere(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	for _, tc := range []struct{ ref, mention string }{
		{"app/org.up.a/x86_64/stable", "app/org.up.A/x86_64/stable"},
		{"app/org.up.Z/x86_64/stable", "has no ref"},
		{"app/org.none.*/x86_64/*", "no ref of"},
		{"appstream2/x86_64", "never mirrored"},
		{"appstream2/*", "no ref of"},
		{"app/[", "pattern"},
		{"../../etc", "ref name"},
	} {
		before := o.snapshot()
		_, err := Mirror(t.Context(), o.options(u, tc.ref))
		wantError(t, tc.ref, err, tc.mention)
		o.unchanged(before)
	}
	if _, err := Mirror(t.Context(), o.options(u)); err == nil {
		t.Error("no refs: got nil, want an error")
	}
}

func TestARefThatAppearsMeanwhileIsKept(t *testing.T) {
	u, o := newUpstream(t), newOurs(t)
	ref := u.export("org.up.A", "x86_64", 0, "a")
	u.update()
	var own ostree.Checksum
	u.Intercept(func(_ http.ResponseWriter, path string) bool {
		if own.IsZero() && strings.HasSuffix(path, ".commit") {
			own = o.commit(ref)
		}
		return false
	})
	_, err := Mirror(t.Context(), o.options(u, ref))
	wantError(t, "mirror", err, ref)
	if o.tip(ref) != own {
		t.Errorf("ref: got %s, want ours, %s", o.tip(ref), own)
	}
}

func wantError(t *testing.T, what string, err error, mentions ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: got nil, want an error", what)
		return
	}
	for _, m := range mentions {
		if !strings.Contains(err.Error(), m) {
			t.Errorf("%s: got %v, want a mention of %q", what, err, m)
		}
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = strings.TrimPrefix(found[i], dir+"/")
	}
	return found
}

// TestReleaseKeepsTheClaimsOfWhatAppeared has a run fail after its claims: one
// ref was moved already, one was not, and one was made by somebody else.
func TestReleaseKeepsTheClaimsOfWhatAppeared(t *testing.T) {
	o := newOurs(t)
	m := &run{Options: Options{Repo: o.repo, Name: "upstream"}}
	refs := []string{"absent", "here", "own"}
	o.commit("own")
	for ref, commit := range map[string]ostree.Checksum{"absent": {1}, "here": o.commit("here"), "own": {2}} {
		m.wants = append(m.wants, want{Want: remote.Want{Ref: ref, Commit: commit}})
	}
	err := origin.Update(t.Context(), o.repo.Path(), func(r *origin.Record) error {
		for _, ref := range refs {
			r.Set(ref, "upstream")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.release(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	record, err := origin.Read(o.repo.Path())
	if err != nil {
		t.Fatal(err)
	}
	wantStrings(t, "claims", record.From("upstream"), "here")
}
