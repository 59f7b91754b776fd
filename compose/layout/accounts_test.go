package layout_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/treewright/treewright/compose/layout"
)

func TestSplitAccounts(t *testing.T) {
	tree := newTree(t, item{path: "usr/"},
		item{path: "etc/passwd", body: "root:x:0:0:root:/root:/bin/bash\n\nbin:x:1:1::/bin:/x\ntoor:x:0:0:::\nold:x:7:7:::\n+nis::::::\n# note\nlast:x:9:9:::", mode: 0o600, pkg: "setup"},
		item{path: "etc/group", body: "root:x:0:\nbin:x:1:root,bin\nwheel:x:10:\n", pkg: "setup"},
		item{path: "usr/lib/passwd", body: "first:x:2:2:::\nold:x:7:7:other:/:/y", pkg: "setup"},
		item{path: "etc/shadow", body: "root:$6$x:19000:0:99999:7:::\nbin:*:19000:0:99999:7:::\nold:!!:19001::::::\nempty::19002:0:99999:7:::\nodd:!:1", mode: 0o000, pkg: "setup"},
		item{path: "etc/gshadow", body: "root:::\n", mode: 0o640, owner: "root:0 shadow:42", pkg: "setup"},
		item{path: "etc/nsswitch.conf", body: "passwd:     files sss\nshadow: files\ngroup: compat\n# passwd: x\nhosts: files dns\n"})
	report := finish(t, tree, layout.FinishOptions{EtcGroupMembers: []string{"wheel", "docker"}})
	for path, want := range map[string]string{
		"usr/etc/passwd":        "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0:::\n+nis::::::\n# note\n",
		"usr/lib/passwd":        "first:x:2:2:::\nold:x:7:7:other:/:/y\nbin:x:1:1::/bin:/x\nlast:x:9:9:::\n",
		"usr/etc/group":         "root:x:0:\nwheel:x:10:\n",
		"usr/lib/group":         "bin:x:1:root,bin\nwheel:x:10:\n",
		"usr/etc/shadow":        "root:$6$x:19000:0:99999:7:::\nbin:*::0:99999:7:::\nold:!!:::::::\nempty::19002:0:99999:7:::\nodd:!:1",
		"usr/etc/nsswitch.conf": "passwd: files altfiles sss\nshadow: files\ngroup: compat altfiles\n# passwd: x\nhosts: files dns\n",
	} {
		if got := fileText(t, tree, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for path, want := range map[string]uint32{"usr/etc/passwd": 0o644, "usr/lib/group": 0o644, "usr/etc/shadow": 0, "usr/etc/gshadow": 0o640} {
		if got := tree.Lookup(path).Mode & 0o7777; got != want {
			t.Errorf("%s: got mode %04o, want %04o", path, got, want)
		}
	}
	equal(t, "warnings", report.Warnings, []string{"etc-group-members: the tree has no group docker",
		"the tree has no libnss_altfiles.so.2: a machine does not find the users of /usr/lib/passwd; add nss-altfiles"})
	equal(t, "edited", report.Edited, []string{"/usr/etc/group", "/usr/etc/nsswitch.conf", "/usr/etc/passwd", "/usr/etc/shadow", "/usr/lib/passwd"})
}

func TestShadowIsNeverOpen(t *testing.T) {
	for _, it := range []item{{path: "etc/shadow", mode: 0o644, pkg: "setup"}, {path: "etc/shadow", mode: 0o600}} {
		tree := newTree(t, it, item{path: "usr/"})
		finish(t, tree, layout.FinishOptions{})
		if got := tree.Lookup("usr/etc/shadow").Mode & 0o7777; got != 0 {
			t.Errorf("got mode %04o, want 0000", got)
		}
	}
}

func TestNsswitch(t *testing.T) {
	const has = "passwd: files\ngroup: files altfiles\n"
	tree := newTree(t, item{path: "etc/nsswitch.conf", body: has}, item{path: "etc/passwd", body: "u:x:1:1:::\n"}, item{path: "usr/lib/x86_64-linux-gnu/libnss_altfiles.so.2"})
	if report := finish(t, tree, layout.FinishOptions{}); len(report.Warnings) != 0 || fileText(t, tree, "usr/etc/nsswitch.conf") != has {
		t.Errorf("got %q and %q, want the file as it was and no warning", report.Warnings, fileText(t, tree, "usr/etc/nsswitch.conf"))
	}
	tree = newTree(t, item{path: "etc/nsswitch.conf", target: "authselect/nsswitch.conf"}, item{path: "usr/"})
	if report := finish(t, tree, layout.FinishOptions{}); len(report.Warnings) != 1 {
		t.Errorf("got %q, want a warning about the link", report.Warnings)
	}
}

// TestHostileAccounts feeds Finish account files that are none.
func TestHostileAccounts(t *testing.T) {
	for text, words := range map[string][]string{
		"a:x:-1:0:::\n": {"/etc/passwd, line 1", `"-1"`}, "root:x:0:0:::\na:x:4294967295:0:::\n": {"line 2", "4294967295"},
		"a:x:1:99999999999999999999:::\n": {"99999999999999999999"}, "a:x:1\n": {"7 fields"}, ":x:1:1:::\n": {"7 fields"},
		"a:x:+1:1:::\n": {`"+1"`}, "a:x: 1:1:::\n": {`" 1"`}, "a\x00:x:1:1:::\n": {"line 1"}, "a:x:1:1:::::\n": {"7 fields"},
	} {
		_, err := layout.Finish(newTree(t, item{path: "etc/passwd", body: text}, item{path: "usr/"}), noRead, layout.FinishOptions{})
		wantError(t, err, words...)
	}
	tree := newTree(t, item{path: "etc/passwd", body: "a:x:1:1:::\n"}, item{path: "usr/lib/passwd", body: "a:x:2:1:::\n"})
	_, err := layout.Finish(tree, noRead, layout.FinishOptions{})
	wantError(t, err, "user a", "a:x:1:1", "a:x:2:1")
	_, err = layout.Finish(newTree(t, item{path: "etc/group/"}, item{path: "usr/"}), noRead, layout.FinishOptions{})
	wantError(t, err, "/etc/group", "no regular file")
	tree = newTree(t, item{path: "usr/"}, item{path: "etc/passwd", body: "x"})
	tree.Lookup("etc/passwd").Size = 1 << 40
	_, err = layout.Finish(tree, noRead, layout.FinishOptions{})
	wantError(t, err, "/etc/passwd", "at most")
	tree.Lookup("etc/passwd").Size, tree.Lookup("etc/passwd").Data = 1, nil
	_, err = layout.Finish(tree, noRead, layout.FinishOptions{})
	wantError(t, err, "reading /etc/passwd of the tree", "has no data")
}

func TestCheckAccounts(t *testing.T) {
	items := []item{{path: "etc/passwd", body: "root:x:0:0:::\nalice:x:1000:1000:::\n"}, {path: "usr/lib/passwd", body: "daemon:x:2:2:::\n"},
		{path: "etc/group", body: "root:x:0:\n"}, {path: "usr/lib/group", body: "daemon:x:2:\nwheel:x:10:\n"},
		{path: "var/spool/x/", owner: "ghost:0 root:0"}, {path: "usr/f", owner: "77:77 88:88"}}
	some := map[string]layout.IDs{"root": {}, "daemon": {UID: 2, GID: 2}}
	with := func(name string, ids layout.IDs) map[string]layout.IDs {
		return map[string]layout.IDs{"root": {}, "daemon": {UID: 2, GID: 2}, name: ids}
	}
	for _, c := range []struct {
		name    string
		opts    layout.CheckOptions
		want    layout.Accounts
		wantErr []string
	}{
		{name: "nothing is expected"},
		{name: "new accounts", opts: layout.CheckOptions{Users: some, Groups: map[string]uint32{}},
			want: layout.Accounts{NewUsers: []string{"alice"}, NewGroups: []string{"daemon", "root", "wheel"}}},
		{name: "a removed user without files", opts: layout.CheckOptions{Users: with("old", layout.IDs{UID: 5, GID: 5})},
			want: layout.Accounts{NewUsers: []string{"alice"}, RemovedUsers: []string{"old"}}},
		{name: "a removed user with a file by id", opts: layout.CheckOptions{Users: with("old", layout.IDs{UID: 77})},
			wantErr: []string{"user old (id 77) is gone", "/usr/f", "ignore-removed-users"}},
		{name: "a removed user with a directory by name", opts: layout.CheckOptions{Users: with("ghost", layout.IDs{UID: 5})},
			wantErr: []string{"user ghost", "/var/spool/x"}},
		{name: "a removed user is ignored", opts: layout.CheckOptions{Users: with("old", layout.IDs{UID: 77}), IgnoreRemovedUsers: []string{"old"}},
			want: layout.Accounts{NewUsers: []string{"alice"}, RemovedUsers: []string{"old"}}},
		{name: "all removed users are ignored", opts: layout.CheckOptions{Users: with("old", layout.IDs{UID: 77}), IgnoreRemovedUsers: []string{"*"}},
			want: layout.Accounts{NewUsers: []string{"alice"}, RemovedUsers: []string{"old"}}},
		{name: "a removed user with root's id", opts: layout.CheckOptions{Users: with("toor", layout.IDs{})},
			want: layout.Accounts{NewUsers: []string{"alice"}, RemovedUsers: []string{"toor"}}},
		{name: "a removed group with a file", opts: layout.CheckOptions{Groups: map[string]uint32{"old": 88}, IgnoreRemovedUsers: []string{"*"}},
			wantErr: []string{"group old (id 88) is gone", "/usr/f", "ignore-removed-groups"}},
		{name: "ids that changed are all named", opts: layout.CheckOptions{Users: map[string]layout.IDs{"daemon": {UID: 3, GID: 2}, "alice": {UID: 1000, GID: 1}}, Groups: map[string]uint32{"wheel": 11}},
			wantErr: []string{"user daemon had the id 3 and has 2 now", "user alice had the group id 1 and has 1000 now", "group wheel had the id 11 and has 10 now"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := layout.CheckAccounts(newTree(t, items...), noRead, c.opts)
			if c.wantErr != nil {
				var typed *layout.AccountsError
				if !errors.As(err, &typed) {
					t.Errorf("got %T, want an AccountsError", err)
				}
				wantError(t, err, c.wantErr...)
				_, err = layout.Finish(newTree(t, items...), noRead, layout.FinishOptions{Check: c.opts})
				wantError(t, err, c.wantErr...)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "new users", got.NewUsers, c.want.NewUsers)
			equal(t, "new groups", got.NewGroups, c.want.NewGroups)
			equal(t, "removed users", got.RemovedUsers, c.want.RemovedUsers)
			equal(t, "removed groups", got.RemovedGroups, c.want.RemovedGroups)
		})
	}
}

func TestSeed(t *testing.T) {
	setup := []item{{path: "etc/passwd", body: "root:x:0:0:::\nbin:x:1:1:::\nnew:x:50:50:::\n", pkg: "setup"},
		{path: "etc/group", body: "root:x:0:\nnew:x:50:\n", pkg: "setup"}, {path: "etc/shadow", body: "root:*::0:99999:7:::\nbin:*::0:99999:7:::\n", pkg: "setup"}}
	for _, c := range []struct {
		name  string
		items []item
		opts  layout.SeedOptions
		want  []string
		drop  []string
	}{
		{"nothing to start with", setup[:1], layout.SeedOptions{}, []string{"0644 /etc/passwd = root:x:0:0:::\nbin:x:1:1:::\nnew:x:50:50:::\n"}, nil},
		{"given files replace", setup, layout.SeedOptions{Passwd: []byte("root:x:0:0:::\nu:x:990:990:::\nu:x:1:1:::\n"), Group: []byte("root:x:0:\n"),
			Previous: layout.Previous{"usr/lib/passwd": []byte("p:x:1:1:::\n")}},
			[]string{"0644 /etc/group = root:x:0:\n", "0000 /etc/gshadow = root:::\n", "0644 /etc/passwd = root:x:0:0:::\nu:x:990:990:::\n",
				"0644 /etc/shadow = root:*::0:99999:7:::\nu:*::0:99999:7:::\n"}, []string{"bin", "new"}},
		{"the previous commit comes first", setup, layout.SeedOptions{Previous: layout.Previous{
			"usr/etc/passwd": []byte("root:x:0:0:::\n"), "usr/lib/passwd": []byte("dyn:x:990:989:::\nbin:x:1:1:::\n"), "usr/lib/group": []byte("dyn:x:989:\n"),
			"usr/etc/shadow": []byte("dyn:!!:::::::\nbin:x:1::::::\n")}},
			[]string{"0644 /etc/group = dyn:x:989:\nroot:x:0:\nnew:x:50:\n", "0000 /etc/gshadow = dyn:::\nroot:::\nnew:::\n",
				"0644 /etc/passwd = root:x:0:0:::\ndyn:x:990:989:::\nbin:x:1:1:::\nnew:x:50:50:::\n",
				"0644 /etc/shadow = root:*::0:99999:7:::\ndyn:!!:::::::\nbin:*::0:99999:7:::\nnew:*::0:99999:7:::\n"}, nil},
		{"an empty tree", nil, layout.SeedOptions{Previous: layout.Previous{"usr/etc/passwd": []byte("root:x:0:0:::\n")}},
			[]string{"0644 /etc/passwd = root:x:0:0:::\n", "0000 /etc/shadow = root:*::0:99999:7:::\n"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := newTree(t, c.items...)
			report, err := layout.Seed(tree, noRead, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "tree", list(t, tree), c.want)
			equal(t, "dropped users", report.DroppedUsers, c.drop)
		})
	}
	for name, opts := range map[string]layout.SeedOptions{
		"both name a file": {Passwd: []byte("x")}, "line 1": {Passwd: []byte("bad\n"), Group: []byte{}},
		"previous commit, line 1": {Previous: layout.Previous{"usr/lib/group": []byte("bad\n")}},
	} {
		_, err := layout.Seed(newTree(t), noRead, opts)
		wantError(t, err, name)
	}
	_, err := layout.Seed(newTree(t, item{path: "etc/passwd/"}), noRead, layout.SeedOptions{Passwd: []byte{}, Group: []byte{}})
	wantError(t, err, "no regular file")
}

// TestSeedIsStable composes twice: the second tree starts with the accounts of
// the first and ends with the same files.
func TestSeedIsStable(t *testing.T) {
	setup := []item{{path: "usr/"}, {path: "etc/passwd", body: "root:x:0:0:::\nbin:x:1:1:::\n"}, {path: "etc/group", body: "root:x:0:\nbin:x:1:\n"},
		{path: "etc/shadow", body: "root:*::0:99999:7:::\nbin:*::0:99999:7:::\n"}, {path: "etc/gshadow", body: "root:::\nbin:::\n"}}
	first := newTree(t, setup...)
	for path, line := range map[string]string{"etc/passwd": "dyn:x:990:990:::\n", "etc/group": "dyn:x:990:\n", "etc/shadow": "dyn:!!:19000::::::\n", "etc/gshadow": "dyn:!::\n"} {
		n := first.Lookup(path)
		n.SetData([]byte(string(n.Data) + line))
	}
	finish(t, first, layout.FinishOptions{})
	previous := layout.Previous{}
	for _, path := range layout.PreviousPaths() {
		previous[path] = []byte(fileText(t, first, path))
	}
	second := newTree(t, setup...)
	if _, err := layout.Seed(second, noRead, layout.SeedOptions{Previous: previous}); err != nil {
		t.Fatal(err)
	}
	users, groups, err := previous.Accounts()
	if err != nil || users["dyn"] != (layout.IDs{UID: 990, GID: 990}) || groups["root"] != 0 || len(users) != 3 {
		t.Fatalf("got %v, %v, %v", users, groups, err)
	}
	report := finish(t, second, layout.FinishOptions{Check: layout.CheckOptions{Users: users, Groups: groups}})
	if a := report.Accounts; len(a.NewUsers)+len(a.NewGroups)+len(a.RemovedUsers)+len(a.RemovedGroups) != 0 {
		t.Errorf("got %+v, want no change", a)
	}
	if got, want := list(t, second), list(t, first); !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func FuzzParseUsers(f *testing.F) {
	f.Add([]byte("root:x:0:0:root:/root:/bin/sh\n+::::::\n"))
	f.Add([]byte("a:x:4294967294:1:::\r\n\n#\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		users, err := layout.ParseUsers("passwd", data)
		if err == nil {
			for name, ids := range users {
				if name == "" || ids.UID == 1<<32-1 || ids.GID == 1<<32-1 {
					t.Errorf("got the user %q with %v", name, ids)
				}
			}
		}
		if _, err := layout.ParseGroups("group", data); err != nil {
			return
		}
	})
}
