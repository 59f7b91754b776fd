package main

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/treewright/treewright/internal/fetch"
	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/remote"
)

// compatMetalink is what a metalink of version 3 says of a file:
//
//	<metalink><files><file name="summary"><size>N</size>
//	  <verification><hash type="sha256">…</hash></verification>
//	  <resources><url protocol="https">…/summary</url></resources></file></files></metalink>
type compatMetalink struct {
	Files []struct {
		Name   string `xml:"name,attr"`
		Size   int64  `xml:"size"`
		Hashes []struct {
			Type  string `xml:"type,attr"`
			Value string `xml:",chardata"`
		} `xml:"verification>hash"`
		URLs []struct {
			Protocol string `xml:"protocol,attr"`
			URL      string `xml:",chardata"`
		} `xml:"resources>url"`
	} `xml:"files>file"`
}

// followMetalink asks the mirrors of a metalink for the summary that it
// describes. The folder of the first that has it is where the remote is.
func (r *compatRemote) followMetalink(ctx context.Context, o remote.Options) (url string, err error) {
	client, err := fetch.New(fetch.Options{
		UserAgent: o.UserAgent, Header: o.Header, Proxy: o.Proxy, ProxyFor: o.ProxyFor, CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile,
		InsecureTLS: o.InsecureTLS, Retries: o.Retries,
	})
	if err != nil {
		return "", err
	}
	defer client.Close()
	data, _, err := client.ReadAll(ctx, r.get("metalink"), fetch.GetOptions{MaxSize: 4 << 20})
	if err != nil {
		return "", err
	}
	link, err := parseMetalink(data)
	if err != nil {
		return "", err
	}
	for _, url := range link.urls {
		data, _, getErr := client.ReadAll(ctx, url, fetch.GetOptions{MaxSize: ostree.MaxMetadataSize})
		if getErr == nil {
			getErr = link.check(data)
		}
		if getErr == nil {
			r.linked = data
			return url[:strings.LastIndexByte(url, '/')], nil
		}
		err = getErr
	}
	return "", err
}

// metalinkFile is what a summary must be, and where it is.
type metalinkFile struct {
	urls           []string
	size           int64
	sha256, sha512 []byte // nil: not told
}

func parseMetalink(data []byte) (*metalinkFile, error) {
	if text := strings.TrimSpace(string(data)); !strings.HasPrefix(text, "<") {
		return nil, compatf("Document must begin with an element (e.g. <metalink>)")
	}
	var doc compatMetalink
	if err := xml.Unmarshal(data, &doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the metalink: %w", err)
	}
	for _, f := range doc.Files {
		if f.Name != "summary" {
			continue
		}
		file := &metalinkFile{size: f.Size}
		for _, h := range f.Hashes {
			want := map[string]int{"sha256": sha256.Size, "sha512": sha512.Size}[h.Type]
			sum, err := hex.DecodeString(strings.TrimSpace(h.Value))
			switch {
			case want == 0: // of no use
			case err != nil || len(sum) != want:
				return nil, compatf("Invalid hash digest for %s", h.Type)
			case h.Type == "sha256":
				file.sha256 = sum
			default:
				file.sha512 = sum
			}
		}
		if file.sha256 == nil && file.sha512 == nil {
			return nil, compatf("No <verification> with known <hash type=> found")
		}
		for _, u := range f.URLs {
			if u.Protocol == "http" || u.Protocol == "https" || u.Protocol == "file" {
				file.urls = append(file.urls, strings.TrimSpace(u.URL))
			}
		}
		if len(file.urls) == 0 {
			return nil, compatf("No <url method='http'> or <url method='https'> elements found")
		}
		return file, nil
	}
	return nil, compatf("No <file name='summary'> found")
}

// check compares what a mirror gave with what the metalink promises.
func (f *metalinkFile) check(data []byte) error {
	if int64(len(data)) != f.size {
		return compatf("Expected size is %d bytes but content is %d bytes", f.size, len(data))
	}
	sum, want := "", ""
	if f.sha512 != nil {
		got := sha512.Sum512(data)
		sum, want = hex.EncodeToString(got[:]), hex.EncodeToString(f.sha512)
	} else {
		got := sha256.Sum256(data)
		sum, want = hex.EncodeToString(got[:]), hex.EncodeToString(f.sha256)
	}
	if sum != want {
		return compatf("Expected checksum is %s but actual is %s", want, sum)
	}
	return nil
}
