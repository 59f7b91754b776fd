// Command boottest boots what treewright composes. From a folder of RPM
// packages that make a bootable system, and small packages of its own, it
//
//   - composes a signed tree, as an ordinary user, and again in other ways
//     which must give the same commit;
//   - deploys it with the real ostree admin onto a disk image and boots that
//     in qemu, in software, without a network;
//   - composes an update, which the machine pulls and deploys itself, and
//     boots the update, then the deployment before it.
//
// A unit of its own packages looks around in each boot and answers on the
// second serial port. docs/booting.md shows it all.
//
// It needs root (deployments have owners and attributes) and the programs of
// tools/clients-boot.txt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bootable are the packages of a bootable system. Those of optional are taken
// when the folder has them.
const (
	bootable = "essential systemd systemd-sysv linux-image-amd64 dracut ostree ostree-boot iproute2 curl passwd libcap2-bin"
	optional = "login procps dbus kbd libpam-modules openssh-server python3"
)

// The ref that is composed, and the remote that machines know it by.
const (
	ref    = "boottest/x86_64/os"
	remote = "boottest"
)

type options struct {
	treewright string
	rpms       string
	packages   []string
	work       string
	caches     string
	keep       bool
	reproduce  bool
	timeout    time.Duration
	memory     int
}

func main() {
	var o options
	var packages string
	flag.StringVar(&o.treewright, "treewright", "./treewright", "the binary to test")
	flag.StringVar(&packages, "packages", "", "the packages of a bootable system (default: "+bootable+", and what there is of "+optional+")")
	flag.StringVar(&o.work, "work", "", "work in this new folder and keep it (default: one below /var/tmp, removed unless the test fails)")
	flag.StringVar(&o.caches, "caches", "", "begin with a copy of the cache in this kept work folder, whose initramfs is then used again")
	flag.BoolVar(&o.keep, "keep", false, "keep the work folder")
	flag.BoolVar(&o.reproduce, "reproduce", true, "compose in other ways too and compare the commits; each makes an initramfs")
	flag.DurationVar(&o.timeout, "timeout", 20*time.Minute, "how long one boot may take")
	flag.IntVar(&o.memory, "memory", 2048, "megabytes of memory of the machine")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: boottest [options] FOLDER\n\nFOLDER has RPM packages of a bootable system.")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	o.rpms, o.packages = flag.Arg(0), strings.Fields(packages)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "boottest:", err)
		os.Exit(1)
	}
}

// run does all steps and removes the work folder when they went well.
func run(ctx context.Context, o options) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("ostree admin deploy keeps owners and attributes, which only root can: run as root")
	}
	if o.work, err = workFolder(o.work, &o.keep); err != nil {
		return err
	}
	defer func() {
		if err == nil && !o.keep {
			err = os.RemoveAll(o.work)
			return
		}
		fmt.Println("kept:", o.work)
	}()
	t := &bootTest{options: o}
	for _, s := range []struct {
		doing string
		run   func(context.Context) error
	}{
		{"preparing packages", t.prepare},
		{"composing as an ordinary user", t.composeFirst},
		{"composing in other ways", t.reproduceAll},
		{"deploying onto a disk", t.deploy},
		{"composing an update", t.composeUpdate},
		{"booting; the machine pulls and deploys the update", t.bootFirst},
		{"booting the update", t.bootUpdate},
		{"booting the deployment before it", t.bootBack},
	} {
		start := time.Now()
		fmt.Printf("%s …\n", s.doing)
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.doing, err)
		}
		fmt.Printf("  %.1f s\n", time.Since(start).Seconds())
	}
	fmt.Println("it boots: first commit, update and the way back")
	return nil
}

// workFolder makes the folder to work in. One that was named is kept.
func workFolder(name string, keep *bool) (string, error) {
	if name != "" {
		*keep = true
		if err := os.Mkdir(name, 0o755); err != nil {
			return "", err
		}
		return filepath.Abs(name)
	}
	dir, err := os.MkdirTemp("/var/tmp", "treewright-boot-")
	if err != nil {
		return "", err
	}
	// Ordinary users compose below it.
	return dir, os.Chmod(dir, 0o755)
}
