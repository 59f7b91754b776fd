package rpmtest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// TB is what Repo needs of a *testing.T.
type TB interface {
	Helper()
	TempDir() string
	Fatalf(format string, args ...any)
}

// Repo makes a repository of the packages in a temporary folder of the test and
// returns the folder.
func Repo(t TB, pkgs ...Package) string {
	t.Helper()
	dir := t.TempDir()
	if err := WriteRepo(dir, RepoOptions{}, pkgs...); err != nil {
		t.Fatalf("%v", err)
	}
	return dir
}

// RepoOptions are the choices of a repository; the zero value is fine.
type RepoOptions struct {
	Compression string // of the metadata: gzip (default), zstd, xz or none
	Revision    string // "1700000000" when empty
	Key         *Key   // signs repomd.xml when not nil
}

// WriteRepo writes an rpm-md repository: Packages/*.rpm and repodata/. An
// existing repository in dir is replaced, its packages kept.
func WriteRepo(dir string, o RepoOptions, pkgs ...Package) error {
	if err := os.MkdirAll(filepath.Join(dir, "Packages"), 0o755); err != nil {
		return err
	}
	for _, p := range pkgs {
		data, err := p.Build()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "Packages", p.FileName()), data, 0o644); err != nil {
			return err
		}
	}
	return IndexRepo(dir, o)
}

// repoPackage is a package file of a repository, read back.
type repoPackage struct {
	meta  *rpm.Metadata
	pkg   *rpm.Package
	files []rpm.File
	mtime int64
}

// IndexRepo writes repodata/ for the packages that lie in dir/Packages.
func IndexRepo(dir string, o RepoOptions) error {
	names, err := filepath.Glob(filepath.Join(dir, "Packages", "*.rpm"))
	if err != nil {
		return err
	}
	slices.Sort(names)
	var pkgs []repoPackage
	for _, name := range names {
		p, err := readPackage(dir, name)
		if err != nil {
			return fmt.Errorf("indexing %s: %w", name, err)
		}
		pkgs = append(pkgs, p)
	}
	repodata := filepath.Join(dir, "repodata")
	if err := os.RemoveAll(repodata); err != nil {
		return err
	}
	if err := os.Mkdir(repodata, 0o755); err != nil {
		return err
	}
	repomd, err := writeMetadata(repodata, o, pkgs)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(repodata, "repomd.xml"), repomd, 0o644); err != nil {
		return err
	}
	if o.Key == nil {
		return nil
	}
	return signRepomd(repodata, o.Key, repomd)
}

func readPackage(dir, name string) (repoPackage, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return repoPackage{}, err
	}
	p, err := rpm.Open(bytes.NewReader(data))
	if err != nil {
		return repoPackage{}, err
	}
	m, err := p.Metadata()
	if err != nil {
		return repoPackage{}, err
	}
	files, err := p.Files()
	if err != nil {
		return repoPackage{}, err
	}
	sum := sha256.Sum256(data)
	m.Checksum = "sha256:" + hex.EncodeToString(sum[:])
	m.Size = int64(len(data))
	m.Location, err = filepath.Rel(dir, name)
	return repoPackage{meta: m, pkg: p, files: files, mtime: m.BuildTime}, err
}

// writeMetadata writes primary and filelists and returns repomd.xml.
func writeMetadata(repodata string, o RepoOptions, pkgs []repoPackage) ([]byte, error) {
	revision := cmp.Or(o.Revision, "1700000000")
	var md bytes.Buffer
	fmt.Fprintf(&md, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<repomd xmlns=\"http://linux.duke.edu/metadata/repo\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>%s</revision>\n", escape(revision))
	for _, f := range []struct {
		kind string
		data []byte
	}{{"primary", primaryXML(pkgs)}, {"filelists", filelistsXML(pkgs)}, {"other", otherXML(pkgs)}} {
		how := cmp.Or(o.Compression, "gzip")
		packed, err := compress(f.data, how)
		if err != nil {
			return nil, err
		}
		open, sum := sha256.Sum256(f.data), sha256.Sum256(packed)
		ext := map[string]string{"gzip": ".gz", "zstd": ".zst", "xz": ".xz"}[how]
		name := hex.EncodeToString(sum[:]) + "-" + f.kind + ".xml" + ext
		if err := os.WriteFile(filepath.Join(repodata, name), packed, 0o644); err != nil {
			return nil, err
		}
		fmt.Fprintf(&md, "  <data type=\"%s\">\n    <checksum type=\"sha256\">%x</checksum>\n    <open-checksum type=\"sha256\">%x</open-checksum>\n    <location href=\"repodata/%s\"/>\n    <timestamp>1700000000</timestamp>\n    <size>%d</size>\n    <open-size>%d</open-size>\n  </data>\n",
			f.kind, sum, open, name, len(packed), len(f.data))
	}
	md.WriteString("</repomd>\n")
	return md.Bytes(), nil
}

// signRepomd writes the armored signature and the key beside it.
func signRepomd(repodata string, key *Key, repomd []byte) error {
	sig, err := key.DetachSign(repomd, time.Unix(1700000000, 0))
	if err != nil {
		return fmt.Errorf("signing repomd.xml: %w", err)
	}
	var out bytes.Buffer
	w, err := armor.Encode(&out, "PGP SIGNATURE", nil)
	if err != nil {
		return err
	}
	if _, err := w.Write(sig); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	out.WriteByte('\n')
	public, err := key.Public()
	return errors.Join(err,
		os.WriteFile(filepath.Join(repodata, "repomd.xml.asc"), out.Bytes(), 0o644),
		os.WriteFile(filepath.Join(repodata, "repomd.xml.key"), public, 0o644))
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}
