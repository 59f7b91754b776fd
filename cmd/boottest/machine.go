package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// A report is what the unit in the machine said: all values of a name in order.
type report struct {
	name   string
	values map[string][]string
	ended  bool
}

func parseReport(name, text string) *report {
	r := &report{name: name, values: make(map[string][]string)}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if !ok {
			continue
		}
		if key == "end" {
			r.ended = true
		}
		r.values[key] = append(r.values[key], value)
	}
	return r
}

// boot starts the machine with an entry of its menu and waits until it has
// powered itself off.
func (t *bootTest) boot(ctx context.Context, name string, e entry, args ...string) (*report, error) {
	kernel, initrd, err := t.fetch(ctx, e)
	if err != nil {
		return nil, err
	}
	console, said := t.path(name+".console"), t.path(name+".report")
	argv := []string{
		"-machine", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", strconv.Itoa(t.memory),
		"-display", "none", "-monitor", "none", "-nic", "none", "-no-reboot",
		"-serial", "file:" + console, "-serial", "file:" + said,
		"-drive", "if=virtio,format=raw,cache=unsafe,file=" + t.path("root.img"),
		"-kernel", kernel, "-initrd", initrd, "-append", strings.Join(append([]string{e.options}, args...), " "),
	}
	if update := t.path("update.img"); exists(update) {
		argv = append(argv, "-drive", "if=virtio,format=raw,readonly=on,file="+update)
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	_, err = output(exec.CommandContext(ctx, "qemu-system-x86_64", argv...))
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("it did not power off within %s", t.timeout)
		}
		return nil, fmt.Errorf("%w\n%s\n(the whole console: %s)", err, lastLines(console), console)
	}
	data, err := os.ReadFile(said)
	if err != nil {
		return nil, err
	}
	r := parseReport(name, string(data))
	if !r.ended {
		return nil, fmt.Errorf("the machine powered off without a whole report:\n%s\n%s", data, lastLines(console))
	}
	fmt.Printf("  %s: up and off again in %.0f s\n", name, time.Since(start).Seconds())
	t.reports = append(t.reports, r)
	return r, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// lastLines is the end of a console.
func lastLines(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	const most = 4000
	return string(data[max(0, len(data)-most):])
}
