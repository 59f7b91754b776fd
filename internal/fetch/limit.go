package fetch

import (
	"context"
	"sync"
	"time"
)

// limiter holds reads back so that all together keep to a rate. Who has read
// bytes waits as long as they may take, one after the other; what arrives
// meanwhile fills the connections' buffers, and then the server waits.
type limiter struct {
	mu   sync.Mutex
	owed time.Duration // not waited for yet
}

// shortestWait is less than what a timer is worth.
const shortestWait = 5 * time.Millisecond

// pause waits for as long as n bytes may take.
func (l *limiter) pause(ctx context.Context, o *Options, n int) error {
	if o.LimitRate <= 0 || n <= 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed += time.Duration(float64(n) / float64(o.LimitRate) * float64(time.Second))
	if l.owed < shortestWait {
		return nil
	}
	wait := l.owed
	l.owed = 0
	return o.Sleep(ctx, wait)
}
