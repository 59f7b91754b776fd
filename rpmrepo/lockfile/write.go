package lockfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/treewright/treewright/internal/atomicfile"
	"github.com/treewright/treewright/rpmrepo/rpm"
)

// Encode writes our format. The same packages give the same bytes.
func Encode(archs map[string][]Package) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  %q: %d,\n  \"architectures\": {", formatKey, formatVersion)
	between := "\n"
	for _, arch := range slices.Sorted(maps.Keys(archs)) {
		if arch == AnyArch {
			return nil, errors.New("writing a lock: its architecture is not known")
		}
		b.WriteString(between + "    " + quote(arch) + ": [")
		if err := encodeList(&b, archs[arch]); err != nil {
			return nil, err
		}
		b.WriteString("]")
		between = ",\n"
	}
	if len(archs) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("}\n}\n")
	return b.Bytes(), nil
}

func encodeList(b *bytes.Buffer, packages []Package) error {
	packages = slices.Clone(packages)
	slices.SortFunc(packages, comparePackages)
	for i, p := range packages {
		if err := p.checkWritable(); err != nil {
			return fmt.Errorf("locking %s: %w", p.String(), err)
		}
		if i > 0 && packages[i-1].String() == p.String() {
			return fmt.Errorf("locking %s: it stands twice", p.String())
		}
		if i > 0 {
			b.WriteString(",")
		}
		fmt.Fprintf(b, "\n      {\"nevra\": %s, \"repo\": %s, \"size\": %d, \"checksum\": %s, \"location\": %s}",
			quote(p.String()), quote(p.Repo), p.Size, quote(p.Checksum), quote(p.Location))
	}
	if len(packages) > 0 {
		b.WriteString("\n    ")
	}
	return nil
}

// checkWritable refuses what could not be read back.
func (p *Package) checkWritable() error {
	n, err := rpm.ParseNEVRA(p.String())
	switch {
	case err != nil:
		return err
	case n != rpm.NEVRA{Name: p.Name, EVR: p.EVR, Arch: p.Arch}:
		return fmt.Errorf("its name cannot be told from its version: it would be read as %s, version %s", n.Name, n.EVR)
	case p.Repo == "" || p.Location == "" || p.Size < 0:
		return errors.New("repository, location and size must be known")
	}
	return checkChecksum(p.Checksum)
}

// quote writes a JSON string.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return `""` // strings are always encodable
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// Write replaces the packages of one architecture in the lock file name, of our
// format, and keeps those of others. The file need not exist; one that is no
// lock file of ours is left alone. A reader sees the old file or the new one; of
// two writers at once, one may not see what the other wrote.
func Write(name, arch string, packages []Package) error {
	archs := map[string][]Package{}
	old, err := Read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("keeping the other architectures of %s: %w; remove it, or choose another name", name, err)
	case old.Format != Ours:
		return fmt.Errorf("%s has the format of rpm-ostree: remove it, or choose another name", name)
	default:
		archs = old.Packages
	}
	archs[arch] = packages
	data, err := Encode(archs)
	if err != nil {
		return err
	}
	return replace(name, data)
}

// WriteRPMOSTree writes a lock file in the format of rpm-ostree; see
// EncodeRPMOSTree. A reader sees the old file or the new one.
func WriteRPMOSTree(name string, packages []Package, repos map[string]time.Time, now time.Time) error {
	data, err := EncodeRPMOSTree(packages, repos, now)
	if err != nil {
		return err
	}
	return replace(name, data)
}

func replace(name string, data []byte) error {
	if err := atomicfile.WriteFile(name, data, 0o666); err != nil {
		return fmt.Errorf("writing the lock file %s: %w", name, err)
	}
	return nil
}
