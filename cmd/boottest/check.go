package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// bootFirst boots the first commit. The machine pulls the update from a disk,
// checks its signature and deploys it.
func (t *bootTest) bootFirst(ctx context.Context) error {
	if err := t.makeUpdateDisk(ctx); err != nil {
		return err
	}
	menu, err := t.menu(ctx, 1)
	if err != nil {
		return err
	}
	r, err := t.boot(ctx, "first", menu[0], "boottest.update")
	if err != nil {
		return err
	}
	update := r.values["update"]
	if len(update) == 0 || update[len(update)-1] != "exit 0" {
		return fmt.Errorf("ostree admin upgrade in the machine: %s", strings.Join(update, "\n"))
	}
	return t.check(r, "1", t.commits[0])
}

// bootUpdate boots what the machine deployed.
func (t *bootTest) bootUpdate(ctx context.Context) error {
	menu, err := t.menu(ctx, 2)
	if err != nil {
		return err
	}
	r, err := t.boot(ctx, "update", menu[0])
	if err != nil {
		return err
	}
	return t.check(r, "2", t.commits[1])
}

// bootBack chooses the other entry of the menu.
func (t *bootTest) bootBack(ctx context.Context) error {
	menu, err := t.menu(ctx, 2)
	if err != nil {
		return err
	}
	r, err := t.boot(ctx, "back", menu[1])
	if err != nil {
		return err
	}
	return t.check(r, "1", t.commits[0])
}

func (t *bootTest) menu(ctx context.Context, want int) ([]entry, error) {
	menu, err := t.entries(ctx)
	if err == nil && len(menu) != want {
		err = fmt.Errorf("the boot menu has %d entries, want %d", len(menu), want)
	}
	return menu, err
}

// expected is what every boot says, the version apart.
func expected(version string) map[string][]string {
	return map[string][]string{
		"running":        {"running"},
		"failed":         nil,
		"multi-user":     {"active"},
		"enabled":        {"enabled"},
		"version":        {version},
		"config":         {"version=" + version},
		"user-sysusers":  {"ft-sys"},
		"user-useradd":   {"ft-add"},
		"owner-sysusers": {"ft-sys:ft-sys 640"},
		"owner-useradd":  {"ft-add:ft-add 2755"},
		"owner-var":      {"ft-add:ft-add 750"},
		"setuid":         {"root:root 4755"},
		"caps":           {"/usr/bin/feature-caps cap_net_raw=ep"},
		"file-trigger":   {"file /usr/share/feature.d/one", "file /usr/share/feature.d/two"},
		"trans-trigger":  {"/usr/share/feature.d/one", "/usr/share/feature.d/two"},
		"write-usr":      {"no"},
		"root-home":      {"directory 700"},
	}
}

// check compares a report with what it should say.
func (t *bootTest) check(r *report, version, commit string) error {
	var wrong []error
	for name, want := range expected(version) {
		if got := r.values[name]; !slices.Equal(got, want) {
			wrong = append(wrong, fmt.Errorf("%s: got %q, want %q", name, got, want))
		}
	}
	links := r.values["links"]
	if len(links) != 1 || strings.HasSuffix(links[0], " 1") {
		wrong = append(wrong, fmt.Errorf("links: got the inodes and link counts %q, want one inode", links))
	}
	if booted := bootedCommit(r.values["status"]); booted != commit {
		wrong = append(wrong, fmt.Errorf("status: booted %s, want %s: %q", booted, commit, r.values["status"]))
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return fmt.Errorf("the machine is not as it should be (its console: %s):\n%w", t.path(r.name+".console"), errors.Join(wrong...))
}

// bootedCommit reads ostree admin status: a star is before the deployment that
// is running.
func bootedCommit(status []string) string {
	for _, line := range status {
		fields := strings.Fields(line)
		if len(fields) >= 3 && fields[0] == "*" {
			commit, _, _ := strings.Cut(fields[2], ".")
			return commit
		}
	}
	return ""
}
