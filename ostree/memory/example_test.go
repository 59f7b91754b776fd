package memory_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/treewright/treewright/ostree"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/memory"
)

// A tree of one file is composed, committed to a ref, and read back.
func Example() {
	ctx := context.Background()
	store := memory.New()
	if err := compose(ctx, store, "example/motd", "Hello\n"); err != nil {
		log.Fatal(err)
	}

	head, err := store.ResolveRef("example/motd")
	if err != nil {
		log.Fatal(err)
	}
	commit, err := ostree.ReadCommit(ctx, store, head)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(head)
	err = ostree.Walk(ctx, store, commit.RootTree, commit.RootMeta, func(path string, e ostree.Entry) error {
		if e.Type != ostree.ObjectFile {
			fmt.Println(path)
			return nil
		}
		header, size, content, err := store.OpenFile(ctx, e.File)
		if err != nil {
			return err
		}
		defer content.Close()
		text, err := io.ReadAll(content)
		fmt.Printf("%s: %v, %d bytes: %q\n", path, header, size, text)
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 273a1deebf5cf2c28f3bb63deceba60bec7b6d04b578d888e515d0309cf93a13
	// /
	// /motd: 100644 0:0, 6 bytes: "Hello\n"
}

// compose commits a tree that holds /motd. It takes any store: one on disk is
// archive.Store{Repo: repo}.
func compose(ctx context.Context, store ostree.Store, ref, text string) error {
	txn, err := store.Begin(ctx)
	if err != nil {
		return err
	}
	defer txn.Abort()
	file, err := txn.WriteFile(ctx, ostree.FileHeader{Mode: ostree.ModeRegular | 0o644}, ostree.Content{
		Size: int64(len(text)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil },
	})
	if err != nil {
		return err
	}
	tree := ostree.DirTree{Files: []ostree.TreeFile{{Name: "motd", Checksum: file.Checksum}}}
	meta := ostree.DirMeta{Mode: ostree.ModeDir | 0o755}
	commit := ostree.Commit{Subject: "A greeting", Timestamp: 1577836800}
	commit.Metadata.Set(ostree.KeyRefBinding, gvariant.Strings(ref))
	if commit.RootTree, err = write(ctx, txn, ostree.ObjectDirTree, tree.Encode); err != nil {
		return err
	}
	if commit.RootMeta, err = write(ctx, txn, ostree.ObjectDirMeta, meta.Encode); err != nil {
		return err
	}
	head, err := write(ctx, txn, ostree.ObjectCommit, commit.Encode)
	if err != nil {
		return err
	}
	if err := txn.SetRef(ref, head); err != nil {
		return err
	}
	_, err = txn.Commit(ctx)
	return err
}

func write(ctx context.Context, w ostree.Writer, typ ostree.ObjectType, encode func() ([]byte, error)) (ostree.Checksum, error) {
	data, err := encode()
	if err != nil {
		return ostree.Checksum{}, err
	}
	return w.WriteMeta(ctx, typ, data)
}
