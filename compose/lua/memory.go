package lua

import (
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// maxMemory is the memory of a script's values; more ends it.
	maxMemory = 512 << 20
	// maxString is the length of one string that a library makes.
	maxString = 64 << 20
)

// guardMemory ends the process with a message when the script holds more than
// maxMemory. The interpreter cannot count what strings and tables take.
func guardMemory() (stop func()) {
	debug.SetMemoryLimit(maxMemory * 3 / 4)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(sample)
				if sample[0].Value.Uint64() > maxMemory {
					fmt.Fprintf(os.Stderr, "lua script failed: it takes more than %d MiB of memory\n", maxMemory>>20)
					os.Exit(1)
				}
			}
		}
	}()
	return func() {
		close(done)
		<-ended
	}
}
