package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"github.com/treewright/treewright/internal/rpmtest"
)

// basearch is this machine's architecture as RPM and flatpak name it.
func basearch() (string, error) {
	names := map[string]string{"amd64": "x86_64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
	if name, ok := names[runtime.GOARCH]; ok {
		return name, nil
	}
	return "", fmt.Errorf("no packages can be made for the architecture %s", runtime.GOARCH)
}

// makeInputs writes the RPM repositories, the treefiles and the keys.
func (d *demo) makeInputs(ctx context.Context) error {
	fmt.Println("Making small RPM repositories …")
	program, err := d.compileHello(ctx)
	if err != nil {
		return err
	}
	repos := map[string][]rpmtest.Package{
		"os-rpms":       osPackages(d.arch, program),
		"flatpak-rpms":  append(runtimePackages(d.arch), appPackage(d.arch, "hello", "Hello from a flatpak made of RPMs.\n", program)),
		"upstream-rpms": append(runtimePackages(d.arch), appPackage(d.arch, "upstream-hello", "Hello from upstream, mirrored.\n", program)),
	}
	for name, packages := range repos {
		if err := rpmtest.WriteRepo(d.path(name), rpmtest.RepoOptions{}, packages...); err != nil {
			return fmt.Errorf("making %s: %w", name, err)
		}
		text := fmt.Sprintf("[%s]\nname=%s\nbaseurl=file://%s\ngpgcheck=0\n", name, name, d.path(name))
		if err := os.WriteFile(d.path(name+".repo"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return d.writeTreefiles()
}

// compileHello builds the static program that the packages hold.
func (d *demo) compileHello(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", d.path("hello"), "./cmd/demo/hello")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the demo's program: %w\n%s", err, out)
	}
	program, err := os.ReadFile(d.path("hello"))
	return string(program), err
}

func osPackages(arch, program string) []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "filesystem", Arch: arch, Files: []rpmtest.File{
			{Path: "/etc/"}, {Path: "/usr/"}, {Path: "/usr/bin/"}, {Path: "/usr/lib/"}, {Path: "/usr/share/"}, {Path: "/var/"},
			{Path: "/tmp/", Mode: 0o1777}, {Path: "/bin", LinkTo: "usr/bin"}, {Path: "/lib", LinkTo: "usr/lib"},
		}},
		{Name: "setup", Requires: []string{"filesystem"}, Files: []rpmtest.File{
			{Path: "/etc/passwd", Body: "root:x:0:0:root:/root:/bin/sh\ndaemon:x:2:2::/sbin:/sbin/nologin\n"},
			{Path: "/etc/group", Body: "root:x:0:\ndaemon:x:2:\n"},
		}},
		{Name: "hello", Version: "2.12", Arch: arch, Requires: []string{"setup", "(hello-lang if setup)"}, Files: []rpmtest.File{
			{Path: "/usr/bin/hello", Mode: 0o755, Body: program},
			{Path: "/usr/bin/hello-daemon", Mode: 0o4750, Group: "daemon", Body: "#!/usr/bin/hello\n"},
		}},
		{Name: "hello-lang", Requires: []string{"hello"}, Files: []rpmtest.File{
			{Path: "/usr/share/locale/de/hello", Lang: "de", Body: "Hallo\n"},
		}},
	}
}

func runtimePackages(arch string) []rpmtest.Package {
	return []rpmtest.Package{
		{Name: "base-files", Arch: arch, Files: []rpmtest.File{
			{Path: "/etc/os-release", Body: "NAME=Demo\nID=demo\n"},
			{Path: "/usr/bin/"}, {Path: "/usr/lib/"},
			{Path: "/usr/share/base-files/README", Body: "The runtime of the demo.\n"},
		}},
	}
}

func appPackage(arch, name, greeting, program string) rpmtest.Package {
	return rpmtest.Package{Name: name, Arch: arch, Requires: []string{"base-files"}, Files: []rpmtest.File{
		{Path: "/app/bin/hello", Mode: 0o755, Body: program},
		{Path: "/app/share/hello/greeting", Body: greeting},
	}}
}

// treefiles are written with the architecture and the name of the repository
// in place of the two verbs.
var treefiles = map[string]string{
	"os.yaml": `ref: demo/${basearch}/os
repos: [os-rpms]
packages: [hello]
container: true
no-initramfs: true
`,
	"runtime.yaml": `repos: [flatpak-rpms]
packages: [base-files]
flatpak:
  id: org.example.Platform
  branch: "1"
  build-runtime: true
`,
	"app.yaml": `repos: [flatpak-rpms]
packages: [hello]
flatpak:
  id: org.example.Hello
  branch: stable
  runtime: org.example.Platform//1
  command: hello
  finish-args: [--share=network]
`,
	"upstream-runtime.toml": `repos = ["upstream-rpms"]
packages = ["base-files"]

[flatpak]
id = "org.upstream.Platform"
branch = "1"
build-runtime = true
`,
	"upstream-app.toml": `repos = ["upstream-rpms"]
packages = ["upstream-hello"]

[flatpak]
id = "org.upstream.Hello"
runtime = "org.upstream.Platform//1"
command = "hello"
`,
}

func (d *demo) writeTreefiles() error {
	for name, text := range treefiles {
		if err := os.WriteFile(d.path(name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
