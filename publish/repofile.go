package publish

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/treewright/treewright/internal/flatpak"
	"github.com/treewright/treewright/internal/keyfile"
	"github.com/treewright/treewright/ostree/archive"
)

// RepoFile is what a .flatpakrepo file says: the file that a user opens, or
// hands to flatpak remote-add, to know a repository and its key.
//
//	[Flatpak Repo]
//	Version=1
//	Url=https://example.org/repo/
//	Title=…
//	GPGKey=…       base64 of the public keys: clients then verify commits and summary
//
// It never names a collection ID: clients of a repository that holds refs of
// several origins must have none.
type RepoFile struct {
	URL           string // where clients find the repository; http, https or file
	Title         string
	Comment       string
	Description   string
	Homepage      string
	Icon          string
	DefaultBranch string
	Subset        string // the only subset that clients see; "" is everything
	Keys          []byte // public keys of all that sign commits or summary, armored or binary
}

// DescribeRepo returns a RepoFile with what the repository's config says about
// itself. URL and Keys are left to the caller.
func DescribeRepo(repo *archive.Repo) (RepoFile, error) {
	config, err := repo.Config()
	if err != nil {
		return RepoFile{}, fmt.Errorf("describing %s: %w", repo.Path(), err)
	}
	get := func(name string) string {
		value, _ := config.Get(groupFlatpak, name)
		return value
	}
	return RepoFile{
		Title:         get(SettingTitle),
		Comment:       get(SettingComment),
		Description:   get(SettingDescription),
		Homepage:      get(SettingHomepage),
		Icon:          get(SettingIcon),
		DefaultBranch: get(SettingDefaultBranch),
	}, nil
}

// Encode returns the file's content.
func (f RepoFile) Encode() ([]byte, error) {
	address, err := url.Parse(f.URL)
	if err != nil {
		return nil, fmt.Errorf("writing a .flatpakrepo file: %w", err)
	}
	switch {
	case address.Scheme == "file" && address.Path != "":
	case (address.Scheme == "http" || address.Scheme == "https") && address.Host != "":
	default:
		return nil, fmt.Errorf("writing a .flatpakrepo file: %q is no http, https or file address of a repository", f.URL)
	}
	if address.User != nil {
		return nil, fmt.Errorf("writing a .flatpakrepo file: the address of the repository holds a user name or password, which every reader would see")
	}
	if f.DefaultBranch != "" {
		if err := flatpak.ValidateBranch(f.DefaultBranch); err != nil {
			return nil, fmt.Errorf("writing a .flatpakrepo file: %w", err)
		}
	}
	keys, err := encodeKeys(f.Keys)
	if err != nil {
		return nil, fmt.Errorf("writing a .flatpakrepo file: keys: %w", err)
	}
	var file keyfile.File
	file.Set("Flatpak Repo", "Version", "1")
	for _, e := range []struct{ key, value string }{
		{"Url", strings.TrimRight(f.URL, "/") + "/"},
		{"Title", f.Title},
		{"Comment", f.Comment},
		{"Description", f.Description},
		{"Homepage", f.Homepage},
		{"Icon", f.Icon},
		{"DefaultBranch", f.DefaultBranch},
		{"Subset", f.Subset},
		{"GPGKey", keys},
	} {
		if e.value != "" {
			file.Set("Flatpak Repo", e.key, e.value)
		}
	}
	return file.Encode(), nil
}
