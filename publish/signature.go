package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// signedFile is a file and where its signature lies: clients read the first of
// the places that there is.
type signedFile struct {
	path      string
	data      []byte
	old       []byte
	signature []string
}

func indexSignaturePath(digest ostree.Checksum) string {
	return "summaries/" + digest.String() + ".idx.sig"
}

// checkSigners refuses to make a signed repository an unsigned one: clients
// that verify would refuse it from then on.
func (p *publication) checkSigners() error {
	if len(p.o.Signers) > 0 {
		return nil
	}
	for _, name := range []string{"summary.sig", "summary.idx.sig"} {
		if p.exists(name) {
			return fmt.Errorf("the repository is signed (%s) and no key was given: clients that verify would refuse it; give the key, or delete that file to publish without signatures", name)
		}
	}
	return nil
}

func (p *publication) exists(name string) bool {
	info, err := os.Stat(filepath.Join(p.repo.Path(), filepath.FromSlash(name)))
	return err == nil && info.Size() > 0
}

// stageSigned stages a file that differs from the old one, and its signature
// in every place where it is not the right one. The signature comes just
// before the file: clients ask for it first, so the pair that they get differs
// only if the change falls between their two requests. Signatures of the old
// content are not kept beside the new: gpg stops at a bad one.
func (p *publication) stageSigned(ctx context.Context, f signedFile) error {
	if len(p.o.Signers) > 0 {
		signature, err := p.signature(ctx, f)
		if err != nil {
			return fmt.Errorf("signing %s: %w", f.path, err)
		}
		for _, place := range f.signature {
			old, err := p.read(place)
			if err != nil {
				return err
			}
			if string(old) == string(signature) {
				continue
			}
			if err := p.staging.add(place, signature); err != nil {
				return err
			}
		}
	}
	if f.old != nil && string(f.old) == string(f.data) {
		return nil
	}
	return p.staging.add(f.path, f.data)
}

// signature returns the content of the signature file: the one that is there,
// when it holds one good signature of each signer and nothing else.
func (p *publication) signature(ctx context.Context, f signedFile) ([]byte, error) {
	for _, place := range f.signature {
		data, err := p.read(place)
		if err != nil {
			return nil, err
		}
		if good, err := p.signed(ctx, f.data, data); err != nil {
			return nil, err
		} else if good {
			return data, nil
		}
	}
	var dict gvariant.Dict
	for _, s := range p.o.Signers {
		signature, err := s.Sign(ctx, f.data)
		if err != nil {
			return nil, err
		}
		dict = sign.Append(dict, signature)
	}
	return dict.Encode().Data(), nil
}

func (p *publication) signed(ctx context.Context, data, signature []byte) (bool, error) {
	if signature == nil {
		return false, nil
	}
	dict, err := gvariant.ParseDict(signature)
	if err != nil {
		return false, nil
	}
	if count := sign.Count(dict); count != len(p.o.Signers) || count == 0 {
		return false, nil
	}
	for _, s := range p.o.Signers {
		if good, err := s.Signed(ctx, data, dict); err != nil || !good {
			return false, err
		}
	}
	return true, nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
