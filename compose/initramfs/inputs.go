package initramfs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/treewright/treewright/compose/content"
	"github.com/treewright/treewright/compose/rootfs"
)

// Paths of which everything goes into what is made: what dracut, its modules and
// depmod look for there they use.
var (
	watchedDepmod = [...]string{"usr/lib/modules", "usr/lib/depmod.d", "etc/depmod.d", "usr/sbin/depmod", "usr/bin/depmod", "usr/bin/kmod"}
	watchedDracut = [...]string{
		"usr/lib/dracut", "usr/lib/udev", "usr/lib/systemd", "usr/lib/modprobe.d",
		"etc/dracut.conf", "etc/dracut.conf.d", "etc/modprobe.d", "etc/ld.so.conf", "etc/ld.so.conf.d",
		"usr/bin/dracut", "usr/bin/sh", "usr/bin/bash",
	}
)

// absent is the state of a path that the tree does not have.
const absent = "-"

// Inputs are what an image was made of: each path of the tree, as a View has it,
// with its state: mode and digest of a file, mode of a directory, target of a
// link, absent.
type Inputs map[string]string

// inputsOf reads the inputs from a view of the tree: everything in the watched
// directories, what has a name that the image has too, and the programs and
// paths that dracut's own scripts name, whether the tree has them or not, since
// dracut's modules look whether they are there.
func inputsOf(view *rootfs.Tree, store *content.Store, opts *Options, names []string) (Inputs, error) {
	in := Inputs{}
	for _, path := range watchedDepmod {
		in.watch(view, path, opts.Kernel)
	}
	if opts.NoImage {
		return in, nil
	}
	for _, path := range watchedDracut {
		in.watch(view, path, opts.Kernel)
	}
	for _, name := range names {
		in.add(view, name)
	}
	words, err := scriptWords(view, store, opts)
	if err != nil {
		return nil, err
	}
	for _, w := range words {
		if strings.HasPrefix(w, "/") {
			in.add(view, strings.TrimPrefix(w, "/"))
			continue
		}
		for _, dir := range [...]string{"usr/bin/", "usr/sbin/"} {
			if view.Lookup(dir+w) != nil {
				in.add(view, dir+w)
			}
		}
	}
	return in, nil
}

// watch notes a path with everything below it.
func (in Inputs) watch(view *rootfs.Tree, path string, k *Kernel) {
	if n := in.add(view, path); n != nil && n.IsDir() {
		in.below(view, path, n, k)
	}
}

// add notes the state of a path. Links in the directories of the path are
// followed, as programs do; one at its end is an input of its own, and so is
// what it leads to.
func (in Inputs) add(view *rootfs.Tree, path string) *rootfs.Node {
	place, err := view.FollowDir(path)
	if err != nil {
		in[path] = absent
		return nil
	}
	n := view.Lookup(place)
	in[path] = state(n)
	if n == nil || !n.IsSymlink() {
		return n
	}
	if place, err = view.Follow(path); err != nil {
		return nil
	}
	if n = view.Lookup(place); n != nil {
		in[place] = state(n)
	}
	return n
}

// below notes everything below a directory. The directories of other kernels,
// and what Build makes itself, are no inputs.
func (in Inputs) below(view *rootfs.Tree, path string, n *rootfs.Node, k *Kernel) {
	for _, c := range n.Children() {
		p := path + "/" + c.Name
		if path == modulesDir && c.Name != k.Version || path == modulesDir+"/"+k.Version && isOutput(c.Name) {
			continue
		}
		in.add(view, p)
		in.below(view, p, c, k)
	}
}

// state describes a node as a program of the tree sees it. The owner is left
// out: on disk everything is root's.
func state(n *rootfs.Node) string {
	switch {
	case n == nil:
		return absent
	case n.IsSymlink():
		return "link " + n.Target
	case n.IsDir():
		return fmt.Sprintf("%o", n.Mode)
	case n.Data != nil:
		return fmt.Sprintf("%o %s", n.Mode, content.DigestOf(n.Data))
	}
	return fmt.Sprintf("%o %s", n.Mode, n.Content)
}

// maxScript bounds a script of dracut that is searched for words.
const maxScript = 1 << 20

// scriptWords returns the words of dracut's scripts and configuration that may
// name a program or an absolute path.
func scriptWords(view *rootfs.Tree, store *content.Store, opts *Options) ([]string, error) {
	words := map[string]struct{}{}
	var search func(n *rootfs.Node) error
	search = func(n *rootfs.Node) error {
		for _, c := range n.Children() {
			if err := search(c); err != nil {
				return err
			}
		}
		if !n.IsRegular() || n.Size > maxScript {
			return nil
		}
		data, err := opts.read(store, n)
		if err != nil {
			return fmt.Errorf("reading %s of dracut: %w", n.Name, err)
		}
		if bytes.IndexByte(data, 0) < 0 {
			collectWords(data, words)
		}
		return nil
	}
	for _, path := range [...]string{"usr/lib/dracut", "etc/dracut.conf", "etc/dracut.conf.d"} {
		if n := view.Lookup(path); n != nil {
			if err := search(n); err != nil {
				return nil, err
			}
		}
	}
	return slices.Sorted(maps.Keys(words)), nil
}

func collectWords(data []byte, words map[string]struct{}) {
	separates := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("/._-+@", r)
	}
	for w := range bytes.FieldsFuncSeq(data, separates) {
		w := strings.TrimRight(string(w), "/.")
		if len(w) < 2 || len(w) > 255 || strings.Contains(w, "//") {
			continue
		}
		if i := strings.LastIndexByte(w, '/'); i > 0 && w[0] != '/' {
			continue
		}
		words[w] = struct{}{}
	}
}

const inputsHeader = "treewright initramfs inputs 1\n"

// encode writes a line for each path: state, tabulator, path, sorted.
func (in Inputs) encode() []byte {
	var b bytes.Buffer
	b.WriteString(inputsHeader)
	for _, p := range slices.Sorted(maps.Keys(in)) {
		fmt.Fprintf(&b, "%q\t%q\n", in[p], p)
	}
	return b.Bytes()
}

var errInputs = errors.New("the list of inputs is damaged")

// decodeInputs reads what encode wrote.
func decodeInputs(data []byte) (Inputs, error) {
	rest, ok := strings.CutPrefix(string(data), inputsHeader)
	if !ok {
		return nil, errInputs
	}
	in := Inputs{}
	for line := range strings.Lines(rest) {
		first, second, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		state, err1 := strconv.Unquote(first)
		path, err2 := strconv.Unquote(second)
		if !ok || err1 != nil || err2 != nil {
			return nil, errInputs
		}
		in[path] = state
	}
	return in, nil
}

// differ names the first path that is another in the tree than it was.
func (in Inputs) differ(now Inputs) string {
	for _, p := range slices.Sorted(maps.Keys(in)) {
		switch was, is := in[p], cmp.Or(now[p], absent); {
		case was == is:
		case was == absent:
			return "/" + p + " is new"
		case is == absent:
			return "/" + p + " is gone"
		default:
			return "/" + p + " is another"
		}
	}
	for _, p := range slices.Sorted(maps.Keys(now)) {
		if _, known := in[p]; !known && now[p] != absent {
			return "/" + p + " is new"
		}
	}
	return ""
}
