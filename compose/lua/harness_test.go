package lua

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMain lets the test binary be the one that scripts run in.
func TestMain(m *testing.M) {
	if code, ok := Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// outcome is how a script ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// runBody runs a script in a process of its own, as compose does inside the
// sandbox.
func runBody(t *testing.T, body, stdin string, args ...string) outcome {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", append(Command("test", args), path)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewBufferString(stdin), &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}
