package ondisk

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/treewright/treewright/compose/rootfs"
)

// Normalised says what Normalise did. Its lists are sorted by path.
type Normalised struct {
	Removed   []Dropped `json:"removed,omitempty"`   // with the reason
	Rewritten []Dropped `json:"rewritten,omitempty"` // with what was taken out
	// Remaining are files that differ from run to run, or that no two
	// machines should share, and that cannot be put right.
	Remaining []Dropped `json:"remaining,omitempty"`
}

// maxNormalised bounds the files that are rewritten.
const maxNormalised = 64 << 20

// Normalise makes the same input give the same bytes: of the files at paths,
// which programs made or changed, it removes those that hold nothing but chance,
// secrets or state of this run, and takes times out of others. read returns the
// bytes of a file.
//
//   - Removed: lock files and backups of the accounts, random seeds, the host
//     keys of ssh, stamps of systemd, ldconfig's auxiliary cache, locks of rpm
//     and semanage.
//   - Emptied: /etc/machine-id.
//   - The time of the source in .pyc files becomes 0, which is what a file has
//     in a checkout of OSTree, so Python believes them there. Those that hold a
//     hash of the source stay.
//   - The time of the folder in fontconfig's caches becomes 0: fontconfig takes
//     such a folder's cache as valid.
//   - The time in gzip's header and the times in Java's key stores with the
//     usual password become 0; the day of the last change of locked passwords
//     in /etc/shadow goes.
//   - Reported: other Java key stores, private keys, random names of font folders.
func Normalise(tree *rootfs.Tree, paths []string, read func(*rootfs.Node) ([]byte, error)) (*Normalised, error) {
	z := &normaliser{tree: tree, read: read, done: &Normalised{}}
	for _, p := range slices.Sorted(slices.Values(paths)) {
		n := tree.Lookup(p)
		if n == nil || n.IsDir() {
			continue
		}
		if err := z.file(p, n); err != nil {
			return nil, fmt.Errorf("cleaning what programs left in %s: %w", p, err)
		}
	}
	return z.done, nil
}

type normaliser struct {
	tree *rootfs.Tree
	read func(*rootfs.Node) ([]byte, error)
	done *Normalised
}

// litter is what is removed, by path or pattern, and why.
var litter = [...]struct{ pattern, reason string }{
	{"/etc/.pwd.lock", "a lock file"},
	{"/etc/passwd.lock", "a lock file"},
	{"/etc/group.lock", "a lock file"},
	{"/etc/shadow.lock", "a lock file"},
	{"/etc/gshadow.lock", "a lock file"},
	{"/etc/subuid.lock", "a lock file"},
	{"/etc/subgid.lock", "a lock file"},
	{"/etc/passwd-", "a backup"},
	{"/etc/group-", "a backup"},
	{"/etc/shadow-", "a backup"},
	{"/etc/gshadow-", "a backup"},
	{"/etc/subuid-", "a backup"},
	{"/etc/subgid-", "a backup"},
	{"/etc/.updated", "a stamp with the time of this run"},
	{"/var/.updated", "a stamp with the time of this run"},
	{"/etc/ssh/ssh_host_*_key", "a key that all machines would share"},
	{"/etc/ssh/ssh_host_*_key.pub", "a key that all machines would share"},
	{"/var/cache/ldconfig/aux-cache", "a cache with times and inodes of this run"},
	{"/var/lib/systemd/random-seed", "a random seed that all machines would share"},
	{"/var/lib/systemd/credential.secret", "a secret that all machines would share"},
	{"/var/lib/urandom/random-seed", "a random seed that all machines would share"},
	{"/var/lib/random-seed", "a random seed that all machines would share"},
	{"/boot/loader/random-seed", "a random seed that all machines would share"},
	{"/boot/efi/loader/random-seed", "a random seed that all machines would share"},
	{"/var/lib/dbus/machine-id", "the identity of one machine"},
	{"/var/lib/rpm/.rpm.lock", "a lock file"},
	{"/var/lib/rpm/.dbenv.lock", "a lock file"},
	{"/var/lib/rpm/__db.*", "state of this run"},
	{"/usr/lib/sysimage/rpm/.rpm.lock", "a lock file"},
	{"/usr/lib/sysimage/rpm/.dbenv.lock", "a lock file"},
	{"/usr/lib/sysimage/rpm/__db.*", "state of this run"},
	{"/usr/share/rpm/.rpm.lock", "a lock file"},
	{"/usr/share/rpm/.dbenv.lock", "a lock file"},
	{"/usr/share/rpm/__db.*", "state of this run"},
	{"/etc/selinux/*/semanage.*.LOCK", "a lock file"},
	{"/var/lib/selinux/*/semanage.*.LOCK", "a lock file"},
}

func litterReason(p string) string {
	for _, l := range litter {
		if ok, _ := path.Match(l.pattern, p); ok {
			return l.reason
		}
	}
	return ""
}

// file decides about one file or link.
func (z *normaliser) file(p string, n *rootfs.Node) error {
	usual := p
	if below, ok := strings.CutPrefix(p, "/usr/etc/"); ok {
		usual = "/etc/" + below
	}
	if reason := litterReason(usual); reason != "" && (n.IsRegular() || usual != "/var/lib/dbus/machine-id") {
		z.tree.Detach(p)
		z.done.Removed = append(z.done.Removed, Dropped{p, reason})
		return nil
	}
	if !n.IsRegular() {
		return nil
	}
	for _, r := range rewriters {
		if !r.applies(usual) {
			continue
		}
		if n.Size > maxNormalised {
			z.remains(p, fmt.Sprintf("it has %d bytes; at most %d are looked at", n.Size, maxNormalised))
			return nil
		}
		data, err := z.read(n)
		if err != nil {
			return err
		}
		fresh, what, remains := r.rewrite(slices.Clone(data))
		if fresh != nil {
			n.SetData(fresh)
			n.Link = 0
			z.done.Rewritten = append(z.done.Rewritten, Dropped{p, what})
		}
		if remains != "" {
			z.remains(p, remains)
		}
	}
	return nil
}

func (z *normaliser) remains(p, why string) {
	z.done.Remaining = append(z.done.Remaining, Dropped{p, why})
}

// rewriters are the rules for what is in a file. rewrite may change data; it
// returns the new content or nil, what was taken out, and what cannot be.
var rewriters = [...]struct {
	applies func(p string) bool
	rewrite func(data []byte) (fresh []byte, what, remains string)
}{
	{is("/etc/machine-id"), emptyMachineID},
	{is("/etc/shadow"), clearPasswordDays},
	{endsIn(".pyc", ".pyo"), clearPycTime},
	{isFontCache, clearFontCacheTime},
	{endsIn(".gz"), clearGzipTime},
	{isKeyStore, clearKeyStoreTimes},
	{endsIn(".key", ".pem"), findPrivateKey},
	{isFontUUID, func([]byte) ([]byte, string, string) { return nil, "", "its random name is that of a font cache" }},
}

func is(p string) func(string) bool { return func(q string) bool { return p == q } }

func endsIn(suffixes ...string) func(string) bool {
	return func(p string) bool {
		return slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(p, s) })
	}
}

func isFontCache(p string) bool {
	base := path.Base(p)
	return strings.HasPrefix(p, "/usr/lib/fontconfig/cache/") && strings.Contains(base, ".cache-") ||
		strings.HasPrefix(p, "/var/cache/fontconfig/") && strings.Contains(base, ".cache-")
}

func isFontUUID(p string) bool {
	return path.Base(p) == ".uuid" && strings.Contains(p, "/fonts/")
}

func isKeyStore(p string) bool {
	return path.Base(p) == "cacerts" || endsIn(".jks", ".keystore")(p)
}
