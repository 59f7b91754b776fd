package archive

import (
	"context"
	"io"

	"github.com/treewright/treewright/ostree"
)

// What every store has alike.
type (
	// Content is where a regular file's bytes come from.
	Content = ostree.Content
	// WriteResult tells what became of a content object.
	WriteResult = ostree.WriteResult
	// Stats counts what a transaction did.
	Stats = ostree.Stats
	// Ref is a name and the commit that it shows.
	Ref = ostree.Ref
	// MissingError says that the repository lacks an object.
	MissingError = ostree.MissingError
)

// Store is a repository for those who take any ostree.Store.
type Store struct{ *Repo }

var (
	_ ostree.Store  = Store{}
	_ ostree.Reader = (*Repo)(nil)
	_ ostree.Txn    = (*Txn)(nil)
)

// Begin is Repo.Begin.
func (s Store) Begin(ctx context.Context) (ostree.Txn, error) {
	txn, err := s.Repo.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return txn, nil
}

// OpenObject is Repo.OpenObject.
func (s Store) OpenObject(n ostree.ObjectName) (io.ReadCloser, error) {
	f, err := s.Repo.OpenObject(n)
	if err != nil {
		return nil, err
	}
	return f, nil
}
