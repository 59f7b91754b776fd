package initramfs_test

import (
	"os"
	"testing"

	"github.com/treewright/treewright/internal/sandbox"
)

func TestMain(m *testing.M) {
	if code, ok := sandbox.Helper(os.Args); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}
