package compose_test

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func setUmask(mask int) { syscall.Umask(mask) }

func killSelf() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

func signalContext() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM)
}
