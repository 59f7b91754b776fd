package compose_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treewright/treewright/compose"
)

// dnf asks the real dnf what it would install into an empty root from
// repositories, each ID=FOLDER with .repo keys behind commas, and returns
// NEVRAs, sorted; or nothing and what it said when it finds no answer.
func dnf(t testing.TB, repos []string, args ...string) (packages []string, output string) {
	t.Helper()
	return dnfIn(t, t.TempDir(), repos, args...)
}

// dnfIn is dnf with a folder for its cache, which may be used again.
func dnfIn(t testing.TB, dir string, repos []string, args ...string) (packages []string, output string) {
	t.Helper()
	path, err := exec.LookPath("dnf")
	if err != nil {
		t.Fatal("this test needs dnf (Debian and Fedora: dnf)")
	}
	line := []string{"-v", "--assumeno", "--disablerepo=*", "--installroot=" + dir + "/root", "--setopt=cachedir=" + dir + "/cache",
		"--setopt=reposdir=" + dir, "--setopt=plugins=0", "--setopt=best=0", "--setopt=persistdir=" + dir + "/persist",
		"--forcearch=x86_64", "--releasever=1", "--nogpgcheck"}
	for _, r := range repos {
		r, keys, _ := strings.Cut(r, ",")
		id, folder, _ := strings.Cut(r, "=")
		line = append(line, "--repofrompath="+id+","+folder, "--enablerepo="+id)
		for key := range strings.SplitSeq(keys, ",") {
			if key != "" {
				line = append(line, "--setopt="+id+"."+key)
			}
		}
	}
	out, err := exec.CommandContext(t.Context(), path, append(line, args...)...).CombinedOutput()
	if err == nil { // it stops at its question whether to go on, which is a failure for it
		t.Fatalf("dnf %s: no transaction\n%s", strings.Join(args, " "), out)
	}
	if !strings.Contains(string(out), "Operation aborted.") {
		return nil, string(out)
	}
	for _, m := range regexp.MustCompile(`(?m)^---> Package (\S+)\.(\S+) (\S+) will be installed`).FindAllStringSubmatch(string(out), -1) {
		packages = append(packages, m[1]+"-"+m[3]+"."+m[2])
	}
	slices.Sort(packages)
	return packages, string(out)
}

// chosen are the NEVRAs of a plan, sorted.
func chosen(p *compose.Plan) []string {
	var list []string
	for _, pkg := range p.Packages {
		list = append(list, pkg.NEVRA.String())
	}
	slices.Sort(list)
	return list
}

// differences lists what only one of two sorted lists has.
func differences(got, want []string) string {
	var b strings.Builder
	for _, g := range got {
		if _, ok := slices.BinarySearch(want, g); !ok {
			b.WriteString("\n  only here: " + g)
		}
	}
	for _, w := range want {
		if _, ok := slices.BinarySearch(got, w); !ok {
			b.WriteString("\n  only dnf:  " + w)
		}
	}
	return b.String()
}
