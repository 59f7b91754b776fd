package flatpak

import (
	"fmt"
	"slices"
	"strings"
)

// archNames pairs flatpak's names of architectures with the names that RPM
// packages of them carry. The first is the base architecture.
var archNames = []struct {
	flatpak string
	rpm     []string
}{
	{"x86_64", []string{"x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4", "amd64", "ia32e"}},
	{"i386", []string{"i386", "i486", "i586", "i686", "athlon", "geode"}},
	{"aarch64", []string{"aarch64", "arm64"}},
	{"arm", []string{"armhfp", "armv7hl", "armv7hnl", "armv7l", "armv6hl", "armv6l", "armhf", "arm"}},
	{"ppc64le", []string{"ppc64le", "ppc64el"}},
	{"s390x", []string{"s390x"}},
	{"riscv64", []string{"riscv64"}},
	{"loongarch64", []string{"loongarch64"}},
}

// ArchOf is flatpak's name for an architecture of RPM's, a base architecture
// such as "armhfp" or that of one package such as "i686".
func ArchOf(rpmArch string) (string, error) {
	var known []string
	for _, a := range archNames {
		if slices.Contains(a.rpm, rpmArch) {
			return a.flatpak, nil
		}
		known = append(known, a.rpm[0])
	}
	return "", fmt.Errorf("flatpak has no name for the architecture %q; it knows %s", rpmArch, strings.Join(known, ", "))
}

// RefArch is the architecture that the name of any ref of a repository tells,
// catalogues included, or "" when it tells none: such a ref is shown to the
// clients of every architecture.
func RefArch(ref string) string {
	arch := ""
	kind, rest, _ := strings.Cut(ref, "/")
	switch kind {
	case "appstream", "appstream2":
		arch = rest[strings.LastIndexByte(rest, '-')+1:]
	case "app", "runtime":
		if parts := strings.Split(rest, "/"); len(parts) > 2 {
			arch = parts[1]
		}
	}
	if ValidateArch(arch) != nil {
		return ""
	}
	return arch
}

// IsFlatpakRef tells whether clients expect flatpak's data about a ref in the
// summary: applications, runtimes, catalogues.
func IsFlatpakRef(ref string) bool {
	kind, _, ok := strings.Cut(ref, "/")
	return ok && (kind == "app" || kind == "runtime" || kind == "appstream" || kind == "appstream2")
}

// AppstreamSubset is the subset whose catalogue ref holds, or "" when ref is
// the catalogue of everything or none at all.
func AppstreamSubset(ref string) string {
	rest, ok := strings.CutPrefix(ref, "appstream2/")
	if i := strings.LastIndexByte(rest, '-'); ok && i >= 0 {
		return rest[:i]
	}
	return ""
}
