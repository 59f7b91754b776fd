package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"slices"
	"syscall"
	"time"
)

// A sample is what one run of a program cost.
type sample struct {
	name string
	wall time.Duration
	cpu  time.Duration
	peak int64         // bytes of resident memory at the most
	peer time.Duration // what it is compared with; zero for nothing
}

// measure runs a program to its end and says what it cost, its children
// included.
func measure(ctx context.Context, name string, argv ...string) (sample, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	forgetPeak()
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%v: %w\n%s", argv, err, tail(output.Bytes()))
	}
	wall := time.Since(start)
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return sample{
		name: name,
		wall: wall,
		cpu:  cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
		peak: usage.Maxrss * 1024,
	}, nil
}

// forgetPeak lowers this process's own peak to what it has in use: a program
// starts with that of who starts it. Without /proc the figures of small
// programs are too large.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

func tail(output []byte) []byte {
	const most = 2000
	if len(output) > most {
		return output[len(output)-most:]
	}
	return output
}

// median is the sample whose wall time is in the middle.
func median(samples []sample) sample {
	slices.SortFunc(samples, func(a, b sample) int { return int(a.wall - b.wall) })
	return samples[len(samples)/2]
}

// sum is the cost of samples that run one after the other.
func sum(name string, samples ...sample) sample {
	total := sample{name: name}
	for _, s := range samples {
		total.wall += s.wall
		total.cpu += s.cpu
		total.peak = max(total.peak, s.peak)
	}
	return total
}

// beside sets what the samples are compared with.
func beside(peer sample, samples ...sample) []sample {
	for i := range samples {
		samples[i].peer = peer.wall
	}
	return samples
}

func printTable(w io.Writer, title string, samples []sample) {
	fmt.Fprintf(w, "%-44s %9s %9s %9s %9s\n", title, "wall s", "CPU s", "peak MB", "of peer")
	for _, s := range samples {
		share := ""
		if s.peer > 0 {
			share = fmt.Sprintf("%.3f", s.wall.Seconds()/s.peer.Seconds())
		}
		fmt.Fprintf(w, "%-44s %9.2f %9.2f %9.0f %9s\n", s.name, s.wall.Seconds(), s.cpu.Seconds(), float64(s.peak)/1e6, share)
	}
}
