package rpmrepo

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func parseOne(t *testing.T, text string, vars Vars) (RepoConfig, []string, error) {
	t.Helper()
	var warnings []string
	repos, err := ParseRepoFile(text, "/etc/x/test.repo", ReadOptions{Vars: vars, Warn: func(w Warning) {
		warnings = append(warnings, w.String())
	}})
	if err != nil {
		return RepoConfig{}, warnings, err
	}
	if len(repos) != 1 {
		t.Fatalf("got %d repositories, want 1", len(repos))
	}
	return repos[0], warnings, nil
}

func TestRepoFile(t *testing.T) {
	repo, warnings, err := parseOne(t, `
# a comment
[base-$basearch]
name=Base for $releasever
baseurl=https://example.com/$releasever/$basearch/os/,http://mirror/os
        file:///srv/os
	/srv/other
enabled=no
gpgcheck=1
repo_gpgcheck = True
gpgkey=https://example.com/KEY-$releasever file:///etc/pki/KEY keys/own
priority=10
cost=500
exclude=kernel* bad
excludepkgs=glibc.i686, *-debuginfo
includepkgs=a b
module_hotfixes=on
enablegroups=0
username=me
password=se$cret
sslcacert=ca.pem
sslclientcert=/etc/c.pem
sslclientkey=file:///etc/k.pem
sslverify=0
proxy=http://proxy:3128
proxy_username=u
proxy_password=p:w
proxy_auth_method=BASIC
user_agent=agent/1
ip_resolve=IPv4
timeout=1m
minrate=2k
retries=7
max_parallel_downloads=5
max_downloads_per_mirror=2
type=rpm-md
`, Vars{"releasever": "39", "basearch": "x86_64"})
	if err != nil || len(warnings) != 0 {
		t.Fatalf("got %v, %q", err, warnings)
	}
	want := RepoConfig{
		ID: "base-x86_64", Name: "Base for 39",
		BaseURLs:     []string{"https://example.com/39/x86_64/os/", "http://mirror/os", "/srv/os", "/srv/other"},
		GPGCheck:     true,
		RepoGPGCheck: true, GPGKeys: []string{"https://example.com/KEY-39", "/etc/pki/KEY", "/etc/x/keys/own"},
		Priority: 10, Cost: 500, Excludes: []string{"kernel*", "bad", "glibc.i686", "*-debuginfo"}, Includes: []string{"a", "b"},
		ModuleHotfixes: true, NoGroups: true,
		Transport: Transport{
			Proxy: "http://u:p%3Aw@proxy:3128", Username: "me", Password: "se$cret", UserAgent: "agent/1",
			CAFile: "/etc/x/ca.pem", CertFile: "/etc/c.pem", KeyFile: "/etc/k.pem", InsecureTLS: true,
			IPVersion: 4, Timeout: time.Minute, MinRate: 2048, Retries: 7, MaxPerHost: 2,
		},
		Vars: Vars{"releasever": "39", "basearch": "x86_64"}, File: "/etc/x/test.repo", Line: 3,
	}
	if !reflect.DeepEqual(repo, want) {
		t.Errorf("got  %+v\nwant %+v", repo, want)
	}
	if err := repo.Check(); err != nil {
		t.Error(err)
	}
}

func TestRepoFileDefaults(t *testing.T) {
	repo, _, err := parseOne(t, "\ufeff[x] ; comment\r\nbaseurl=/srv\r\nproxy=_none_\r\nretries=0\r\nip_resolve=whatever", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := newRepoConfig("x")
	want.BaseURLs, want.File, want.Line = []string{"/srv"}, "/etc/x/test.repo", 1
	want.Transport = Transport{NoProxy: true, Retries: 100}
	if !reflect.DeepEqual(repo, want) || !repo.Enabled || repo.Priority != 99 || repo.Cost != 1000 {
		t.Errorf("got %+v, want %+v", repo, want)
	}
}

func TestRepoFileWarnings(t *testing.T) {
	for text, want := range map[string]string{
		"[main]\nkeepcache=1\n[a]\nbaseurl=/x":            "/etc/x/test.repo:1: [main]",
		"[a]\nbaseurl=/x\nthrottle=10k":                   "test.repo:3: [a] throttle=10k has no effect: the speed",
		"[a]\nbaseurl=/x\nskip_if_unavailable=1":          "never goes on without",
		"[a]\nbaseurl=/x\nbaseulr=/y":                     "did you mean baseurl?",
		"[a]\nbaseurl=/x\nGPGCheck=1":                     "did you mean gpgcheck?",
		"[a]\nbaseurl=/x\nsomething_else_entirely=1":      "is not a key of .repo files and has no effect",
		"[a]\nbaseurl=/x\nmirrorlist=http://h/m":          "baseurl is not used, because mirrorlist is set",
		"[a]\nbaseurl=/x\nmetalink=http://h/m":            "baseurl is not used, because metalink is set",
		"[a]\nmirrorlist=http://h/x\nmetalink=http://h/m": "mirrorlist is not used, because metalink is set",
	} {
		repo, warnings, err := parseOne(t, text, nil)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], want) {
			t.Errorf("%q: got %q, %v, want one warning with %q", text, warnings, err, want)
		}
		if err := repo.Check(); err != nil {
			t.Error(err)
		}
	}
}

func TestRepoFileIsQuiet(t *testing.T) {
	_, warnings, err := parseOne(t, "[a]\nbaseurl=/x\nmetadata_expire=6h\nskip_if_unavailable=False\ncountme=1\nthrottle=0\n", nil)
	if err != nil || len(warnings) != 0 {
		t.Errorf("got %q, %v, want no warning", warnings, err)
	}
}

func TestRepoFileErrors(t *testing.T) {
	for text, want := range map[string]string{
		"x=1":                     ":1: x stands before the first [repository]",
		"[a]\nfoo":                ":2: \"foo\": want key=value",
		"[a]\n=1":                 ":2: \"=1\": no key",
		"[a\nx=1":                 ":1: \"[a\": the ] is missing",
		"[a]x\n":                  ":1: \"[a]x\": text after",
		"[]":                      ":1: a section without a name",
		"[a]\n  x=1":              ":2: \"x=1\" is indented",
		"[a]\nbaseurl=/x\n\n  /y": ":4: \"/y\" is indented",
		"[a]\nx=\x00":             ":2: holds a NUL",
		"[a b]\nbaseurl=/x":       ":1: repository name [a b]",
		"[../a]\nbaseurl=/x":      ":1: repository name",
		"[a]\nbaseurl=/x\n[b]\nbaseurl=/y\n[a-$v]\n": "defined already",
		"[a]\nenabled=maybe":                         ":2: [a] enabled: \"maybe\" is neither true nor false",
		"[a]\ngpgcheck=":                             ":2: [a] gpgcheck",
		"[a]\nenablegroups=x":                        ":2: [a] enablegroups",
		"[a]\nsslverify=x":                           ":2: [a] sslverify",
		"[a]\npriority=high":                         ":2: [a] priority",
		"[a]\ncost=1.5":                              ":2: [a] cost",
		"[a]\ntimeout=soon":                          ":2: [a] timeout",
		"[a]\nminrate=-1":                            ":2: [a] minrate",
		"[a]\nretries=-1":                            ":2: [a] retries",
		"[a]\nmax_parallel_downloads=0":              ":2: [a] max_parallel_downloads",
		"[a]\ntype=yast2":                            ":2: [a] type: \"yast2\" is not supported",
		"[a]\nip_resolve=7":                          ":2: [a] ip_resolve",
		"[a]\nbaseurl=ftp://h/x":                     ":2: [a] baseurl: ftp://h/x: want an http",
		"[a]\nbaseurl=relative":                      ":2: [a] baseurl: relative: want",
		"[a]\nbaseurl=file://host/x":                 ":2: [a] baseurl",
		"[a]\nmetalink=http://a http://b":            ":2: [a] metalink: want one address",
		"[a]\ngpgkey=ftp://h/x":                      ":2: [a] gpgkey",
		"[a]\nsslverifystatus=1":                     ":2: [a] sslverifystatus: 1 is not supported",
		"[a]\nproxy_sslverify=0":                     ":2: [a] proxy_sslverify: 0 is not supported",
		"[a]\nproxy_auth_method=ntlm":                ":2: [a] proxy_auth_method: \"ntlm\" is not supported",
		"[a]\nproxy_sslcacert=/x":                    ":2: [a] proxy_sslcacert: not supported",
		"[a]\nproxy_username=x":                      ":1: [a] proxy_username and proxy_password need a proxy",
		"[a]\nproxy=http://":                         ":1: [a] proxy: want scheme",
		"[a]\ninclude=other.repo":                    ":2: [a] include: not supported",
		"[a]\npath=/x":                               ":2: [a] path: not supported",
	} {
		_, err := ParseRepoFile(text, "/x/a.repo", ReadOptions{Vars: Vars{"v": ""}})
		if strings.Contains(text, "$v") {
			_, err = ParseRepoFile(strings.ReplaceAll(text, "a-$v", "$w"), "/x/a.repo", ReadOptions{Vars: Vars{"w": "a"}})
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "/x/a.repo:") {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestCheck(t *testing.T) {
	for text, want := range map[string]string{
		"[a]\nname=x":                                   "repository a (/etc/x/test.repo:1): has no baseurl",
		"[a]\nbaseurl=https://h/$releasever/":           "baseurl uses $releasever, which is not set",
		"[a]\nmetalink=https://h/?repo=${x}-$y":         "metalink uses $x, $y",
		"[a]\nbaseurl=/x\ngpgcheck=1":                   "has no gpgkey",
		"[a]\nbaseurl=/x\nrepo_gpgcheck=1":              "has no gpgkey",
		"[a]\nbaseurl=/x\ngpgcheck=1\ngpgkey=/k-$undef": "gpgkey uses $undef",
	} {
		repo, _, err := parseOne(t, text, nil)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if err := repo.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

func TestReadRepoFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("b.repo", "[three]\nbaseurl=/3\n")
	write("a.repo", "[two]\nbaseurl=/2\n[one]\nbaseurl=/1\n")
	write("a.repo.off", "[off]\n")
	write("list.yaml", "x: 1\n")
	repos, err := ReadRepoFiles(dir, ReadOptions{})
	var ids []string
	for _, r := range repos {
		ids = append(ids, r.ID)
	}
	if got := strings.Join(ids, " "); err != nil || got != "two one three" {
		t.Errorf("got %q, %v, want two one three", got, err)
	}
	write("c.repo", "\n[one]\nbaseurl=/x\n")
	_, err = ReadRepoFiles(dir, ReadOptions{})
	want := fmt.Sprintf("%s:2: repository one is defined already at %s:3", filepath.Join(dir, "c.repo"), filepath.Join(dir, "a.repo"))
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := ReadRepoFiles(filepath.Join(dir, "absent"), ReadOptions{}); err == nil {
		t.Error("an absent folder gave no error")
	}
	if _, err := ReadRepoFile(dir, ReadOptions{}); err == nil {
		t.Error("a folder was read as a .repo file")
	}
}

func TestKeysAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/repositories.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, key := range knownKeys() {
		if seen[key] {
			t.Errorf("%s is listed twice", key)
		}
		seen[key] = true
		known, ok := lookupKey(key)
		if !ok || (known.set != nil) == (known.none+known.refuse != "") {
			t.Errorf("%s: got %+v", key, known)
		}
		if !strings.Contains(string(doc), "`"+key+"`") {
			t.Errorf("docs/repositories.md does not tell of %s", key)
		}
	}
}

func TestDirConfig(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my repo")
	if _, err := DirConfig(dir); err == nil || !strings.Contains(err.Error(), "createrepo_c") {
		t.Errorf("got %v, want advice", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "repodata"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "repodata", "repomd.xml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	repo, err := DirConfig(dir)
	if err != nil || repo.ID != "my-repo" || !repo.Enabled || repo.BaseURLs[0] != dir {
		t.Errorf("got %+v, %v", repo, err)
	}
}

func FuzzRepoFile(f *testing.F) {
	f.Add("[a]\nbaseurl=https://h/$releasever/\n  /x\nproxy=http://h:1\nproxy_username=u\nexclude=a,b\n")
	f.Add("[main]\nx=1\n[b]\nmetalink=${a:-b}\ngpgkey=k\n")
	f.Fuzz(func(t *testing.T, text string) {
		repos, err := ParseRepoFile(text, "/x/a.repo", ReadOptions{Vars: Vars{"releasever": "1"}, Warn: func(Warning) {}})
		if err != nil && !strings.HasPrefix(err.Error(), "/x/a.repo:") {
			t.Errorf("error without its place: %v", err)
		}
		for _, r := range repos {
			for i := range len(r.ID) {
				if !idByte(r.ID[i]) {
					t.Errorf("ID %q", r.ID)
				}
			}
			_ = r.Check()
		}
	})
}
