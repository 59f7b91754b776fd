package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompatSign signs and verifies commits and deltas with both tools by the
// engine that both have.
func TestCompatSign(t *testing.T) {
	p := newCompatPair(t)
	p.getenv["OSTREE_DUMMY_SIGN_ENABLED"] = "1"
	p.write("tree/a", "a\n", 0o644)
	p.write("keys", "one\n\nkey\n", 0o644)
	for _, line := range []string{
		"= init --mode=archive",
		"= commit -b main --canonical-permissions DIR/tree",
		"= commit -b main --canonical-permissions -s two --tree=ref=main",
		"! sign : Need a COMMIT to sign or verify",
		"! sign main : Need at least one KEY-ID to sign with",
		"! sign -s none main key : Requested signature type is not implemented",
		"! sign --verify --sign-type=dummy main key : No valid signatures found",
		"= sign --sign-type=dummy main key other",
		"= sign --verify -s dummy main bad key",
		"! sign --verify -s dummy main bad : No valid signatures found",
		"+ static-delta generate --empty main",
		"! static-delta verify --sign-type=dummy MAIN key : no signatures in static-delta",
		"+ static-delta generate --sign-type=dummy --sign=key --sign=more main",
		"= static-delta verify --sign-type=dummy BOTH key",
		"= static-delta verify --sign-type=dummy BOTH bad more",
		"! static-delta verify --sign-type=dummy BOTH bad : signature: dummy: incorrect signatures found: 2",
		"! static-delta verify --sign-type=none BOTH bad : ",
		"! reset main : A REF and COMMIT argument is required",
		"! reset none main : Invalid ref 'none'",
		"! reset main none : Refspec 'none' not found",
		"= reset main main^",
		"= log main",
	} {
		if out, _, code := p.runOurs("--repo=REPO rev-parse main main^"); code == 0 && strings.Contains(line, "static-delta verify") {
			sums := strings.Fields(out)
			line = strings.ReplaceAll(strings.ReplaceAll(line, "MAIN", sums[0]), "BOTH", sums[1]+"-"+sums[0])
		}
		p.both(line[:2] + "--repo=REPO " + line[2:])
	}
	files, err := filepath.Glob(filepath.Join(p.ours, "deltas/*/*-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got deltas %v, %v, want one", files, err)
	}
	if out, err := exec.Command("sh", "-c", "mv $0 $2 && rm -r $1", p.ours, p.theirs, filepath.Join(p.dir, "src")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	files[0] = strings.Replace(files[0], "/ours/", "/src/", 1)
	old := strings.TrimSpace(p.ok("--repo=DIR/src rev-parse main"))
	for _, line := range []string{
		"= init --mode=archive",
		"+ pull-local DIR/src OLD",
		"! static-delta apply-offline --sign-type=dummy " + files[0] + " bad : signature: dummy: incorrect signatures found",
		"= config set core.sign-verify-deltas true",
		"! static-delta apply-offline " + files[0] + " : Key is mandatory to check delta signature",
		"= static-delta apply-offline --sign-type=dummy " + files[0] + " key",
		"= fsck",
	} {
		p.both(line[:2] + "--repo=REPO " + strings.ReplaceAll(line[2:], "OLD", old))
	}
	key := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", 32)))
	p.ok("--repo=REPO commit -b signed DIR/tree")
	p.ok("--repo=REPO sign signed " + base64.StdEncoding.EncodeToString(key))
	public := base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
	if out := p.ok("--repo=REPO sign --verify signed nonsense " + public); !strings.Contains(out, "Signature verified successfully") {
		t.Errorf("got %q, want a good signature", out)
	}
	p.ok("--repo=REPO sign -s dummy --keys-file=DIR/keys signed")
	p.ok("--repo=REPO sign --verify -s dummy --keys-file=DIR/keys signed")
}
