package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/treewright/treewright/internal/rpmtest"
)

// scriptState is what the commands of one script share.
type scriptState struct {
	keys      map[string]*rpmtest.Key
	snapshots map[string]string
}

type scriptStateKey struct{}

func stateOf(ts *testscript.TestScript) *scriptState {
	return ts.Value(scriptStateKey{}).(*scriptState)
}

// scriptCommands are the commands beside testscript's own:
//
//	mkrepo DIR FILE [KEY]  makes an rpm-md repository of the packages that FILE
//	                       lists; KEY signs its repomd.xml
//	rpmkey NAME            makes a key for packages; its public half is NAME.pub
//	expand FILE...         replaces $WORK, and the names of other variables, in files
//	flip FILE OFFSET       changes one byte (negative: from the end)
//	shorten FILE N         cuts N bytes off the end
//	httpd VARIABLE DIR     serves DIR; the variable gets the URL
//	snapshot DIR           remembers what DIR holds
//	unchanged DIR          compares with that
//	json FILE NAME[=VALUE]... looks at the fields of the JSON object in FILE; ! NAME wants none
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"mkrepo": makeRepo, "rpmkey": makeRPMKey, "expand": expandFiles, "flip": flipByte, "shorten": shortenFile,
		"httpd": serveFolder, "snapshot": takeSnapshot, "unchanged": wantUnchanged, "json": wantFields,
	}
}

// scriptPackage is a package as scripts write it.
type scriptPackage struct {
	rpmtest.Package
	SignedBy string // name of a key
	Broken   string // a word of damages
}

var damages = map[string]rpmtest.Damage{
	"": rpmtest.NoDamage, "truncated": rpmtest.DamageTruncated, "payload": rpmtest.DamagePayload, "signature": rpmtest.DamageSignature,
	"file-digest": rpmtest.DamageFileDigest, "missing": rpmtest.DamageMissing, "extra": rpmtest.DamageExtra, "path": rpmtest.DamagePath,
}

func makeRepo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: mkrepo DIR FILE [KEY]")
	}
	var list []scriptPackage
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(args[1])))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&list); err != nil {
		ts.Fatalf("%s: %v", args[1], err)
	}
	var packages []rpmtest.Package
	for _, p := range list {
		if p.SignedBy != "" {
			key := stateOf(ts).keys[p.SignedBy]
			if key == nil {
				ts.Fatalf("%s: there is no key %s: rpmkey makes one", args[1], p.SignedBy)
			}
			p.Sign = []rpmtest.Signature{{Key: key}}
		}
		damage, known := damages[p.Broken]
		if !known {
			ts.Fatalf("%s: a package cannot be broken by %q", args[1], p.Broken)
		}
		p.Damage = damage
		packages = append(packages, p.Package)
	}
	var opts rpmtest.RepoOptions
	if len(args) == 3 {
		opts.Key = stateOf(ts).keys[args[2]]
	}
	ts.Check(os.RemoveAll(ts.MkAbs(args[0])))
	if err := rpmtest.WriteRepo(ts.MkAbs(args[0]), opts, packages...); err != nil {
		ts.Fatalf("making %s: %v", args[0], err)
	}
}

func makeRPMKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: rpmkey NAME")
	}
	key, err := rpmtest.NewKey(rpmtest.KeyOptions{Name: args[0], Algorithm: packet.PubKeyAlgoEdDSA})
	ts.Check(err)
	public, err := key.Public()
	ts.Check(err)
	stateOf(ts).keys[args[0]] = key
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".pub"), public, 0o644))
	ts.Setenv("KEYID", key.ID())
}

func expandFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: expand FILE...")
	}
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), func(name string) string {
			if value := ts.Getenv(name); value != "" {
				return value
			}
			return "${" + name + "}" // one of the treefile's
		})
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o644))
	}
}

func serveFolder(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: httpd VARIABLE DIR")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(ts.MkAbs(args[1]))))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.URL)
}

func takeSnapshot(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: snapshot DIR")
	}
	list, err := listFolder(ts.MkAbs(args[0]))
	ts.Check(err)
	stateOf(ts).snapshots[args[0]] = list
}

func wantUnchanged(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: unchanged DIR")
	}
	before, taken := stateOf(ts).snapshots[args[0]]
	if !taken {
		ts.Fatalf("there is no snapshot of %s", args[0])
	}
	after, err := listFolder(ts.MkAbs(args[0]))
	ts.Check(err)
	diff := diffLines(before, after)
	if neg && diff == "" {
		ts.Fatalf("%s did not change", args[0])
	}
	if !neg && diff != "" {
		ts.Fatalf("%s changed:\n%s", args[0], diff)
	}
}

// listFolder lists all that lies below dir: mode, checksum or target, path.
// Lock files hold nothing and may appear.
func listFolder(dir string) (string, error) {
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		if e.Name() == ".lock" || strings.HasSuffix(e.Name(), ".lock") {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		what := ""
		switch {
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what = fmt.Sprintf("%x", sha256.Sum256(data))
		case e.Type()&fs.ModeSymlink != 0:
			what, err = os.Readlink(path)
		}
		fmt.Fprintf(&out, "%v %s %s\n", info.Mode(), what, name)
		return err
	})
	return out.String(), err
}

// diffLines returns the lines that only one of two texts has.
func diffLines(before, after string) string {
	lines := map[string]string{}
	for line := range strings.Lines(before) {
		lines[line] = "- "
	}
	for line := range strings.Lines(after) {
		if _, both := lines[line]; both {
			delete(lines, line)
		} else {
			lines[line] = "+ "
		}
	}
	var out strings.Builder
	for _, line := range slices.Sorted(maps.Keys(lines)) {
		out.WriteString(lines[line] + line)
	}
	return out.String()
}

func wantFields(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: json FILE NAME[=VALUE]...")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &fields); err != nil {
		ts.Fatalf("%s: %v", args[0], err)
	}
	for _, arg := range args[1:] {
		name, want, compare := strings.Cut(arg, "=")
		got, has := fields[name]
		var compact bytes.Buffer
		if has {
			ts.Check(json.Compact(&compact, got))
		}
		switch {
		case neg && has:
			ts.Fatalf("%s: %s: got %s, want none", args[0], name, got)
		case !neg && !has:
			ts.Fatalf("%s: there is no %s; there are %s", args[0], name, slices.Sorted(maps.Keys(fields)))
		case !neg && compare && compact.String() != want:
			ts.Fatalf("%s: %s: got %s, want %s", args[0], name, compact.String(), want)
		}
	}
}
