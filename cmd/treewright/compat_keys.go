package main

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// compatKeys are the options that say whose signatures count, besides the keys
// on the command line itself.
type compatKeys struct{ engine, file, dir string }

func (k *compatKeys) add(fs *pflag.FlagSet, letter string) {
	fs.StringVarP(&k.engine, "sign-type", letter, "ed25519", "")
	fs.StringVar(&k.file, "keys-file", "", "")
}

// all are the keys of the command line, of the file and, where nothing else
// names any, of the folder.
func (k *compatKeys) all(args []string) ([]string, error) {
	if k.file != "" {
		keys, err := k.read(k.file)
		return append(args, keys...), err
	}
	if len(args) > 0 || k.dir == "" {
		return args, nil
	}
	keys, err := k.inFolder("trusted")
	if err != nil {
		return nil, err
	}
	revoked, err := k.inFolder("revoked")
	return slices.DeleteFunc(keys, func(key string) bool { return slices.Contains(revoked, key) }), err
}

// inFolder reads DIR/KIND.ENGINE and the files of DIR/KIND.ENGINE.d.
func (k *compatKeys) inFolder(kind string) (keys []string, err error) {
	file := filepath.Join(k.dir, kind+"."+k.engine)
	more, err := os.ReadDir(file + ".d")
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	files := []string{file}
	for _, e := range more {
		files = append(files, filepath.Join(file+".d", e.Name()))
	}
	for _, file := range files {
		found, err := k.read(file)
		if err != nil && !os.IsNotExist(err) {
			return nil, err
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// read returns the keys of a file, in the form that they have on a command
// line: its lines, and for spki the base64 of its PEM blocks.
func (k *compatKeys) read(file string) (keys []string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	if k.engine == "spki" {
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			keys = append(keys, base64.StdEncoding.EncodeToString(block.Bytes))
		}
		if len(keys) != bytes.Count(text, []byte("-----BEGIN ")) {
			return nil, compatf("a PEM block in %s is damaged", file)
		}
		return keys, nil
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			keys = append(keys, line)
		}
	}
	return keys, nil
}
