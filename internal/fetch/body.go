package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

var (
	errCut     = errors.New("the connection was cut")
	errChanged = errors.New("the file changed on the server while it was being read")
)

// enoughProgress is how much an attempt must bring to count as a success: the
// attempts after it are counted anew.
const enoughProgress = 256 << 10

// body reads an http answer, resumes it, and holds it to its size and pace.
type body struct {
	ctx    context.Context
	t      *transfer
	offset int64
	fresh  int64 // bytes since the last attempt
	watch  *watchdog
	err    error // sticky
}

func newBody(ctx context.Context, t *transfer, offset int64) *body {
	b := &body{ctx: ctx, t: t, offset: offset}
	b.watch = newWatchdog(t)
	return b
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		b.watch.begin()
		n, err := b.t.answer.Body.Read(p)
		b.watch.end(n)
		b.offset += int64(n)
		b.fresh += int64(n)
		if b.err = b.check(); b.err != nil {
			return 0, b.err
		}
		if b.err = b.t.client.limiter.pause(b.ctx, &b.t.client.opts, n); b.err != nil {
			return 0, b.err
		}
		if err == nil {
			if n == 0 {
				continue
			}
			return n, nil
		}
		if errors.Is(err, io.EOF) && (b.t.total < 0 || b.offset == b.t.total) {
			b.err = io.EOF
			return n, io.EOF
		}
		if b.err = b.resume(b.cause(err)); b.err != nil || n > 0 {
			return n, b.err
		}
	}
}

// check holds the transfer to its bounds.
func (b *body) check() error {
	if most := b.t.opts.MaxSize; most > 0 && b.offset > most {
		return &TooLargeError{URL: b.t.url.Redacted(), Max: most}
	}
	if b.t.total >= 0 && b.offset > b.t.total {
		return &SizeError{URL: b.t.url.Redacted(), Got: b.offset, Want: b.t.total}
	}
	return nil
}

// cause says why reading ended early.
func (b *body) cause(err error) error {
	switch {
	case b.ctx.Err() != nil:
		err = context.Cause(b.ctx)
	case b.watch.fired():
		err = errTooSlow
	default:
		err = fmt.Errorf("%w: %w", errCut, err)
	}
	return fmt.Errorf("%s: %w", b.t.url.Redacted(), err)
}

// resume asks for the rest of the file. It returns why, when that is not
// possible.
func (b *body) resume(why error) error {
	b.release()
	if !errors.Is(why, errCut) && !errors.Is(why, errTooSlow) {
		return why
	}
	if b.t.validator() == "" && !b.t.opts.Immutable {
		return why
	}
	if b.fresh >= enoughProgress {
		b.t.tried = 0
	}
	if b.t.tried >= b.t.attempts {
		return why
	}
	if err := b.t.client.opts.Sleep(b.ctx, pause(max(b.t.tried, 1))); err != nil {
		return err
	}
	b.fresh = 0
	err := b.t.open(b.ctx, b.offset)
	if errors.Is(err, errChanged) {
		return fmt.Errorf("%s: %w", b.t.url.Redacted(), err)
	}
	if err == nil {
		b.watch = newWatchdog(b.t)
	}
	return err
}

func (b *body) release() {
	b.watch.stop()
	b.t.close()
}

// Close ends the transfer. An unread rest costs the connection.
func (b *body) Close() error {
	b.release()
	if b.err == nil {
		b.err = errors.New("read after close")
	}
	return nil
}

// watchdog cuts a transfer whose server is too slow. Only time that the
// reader spends waiting counts: ten looks are spread over SlowTime, and those
// that find no Read under way are skipped.
type watchdog struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
	every  time.Duration
	want   int64 // bytes in SlowTime

	mu      sync.Mutex
	reading bool
	stopped bool
	bytes   int64 // in this window
	waits   int   // looks that found a waiting reader
	cut     bool
}

const looks = 10

func newWatchdog(t *transfer) *watchdog {
	o := &t.client.opts
	w := &watchdog{
		cancel: t.cancel,
		every:  max(o.SlowTime/looks, time.Millisecond),
		want:   int64(float64(o.MinRate) * o.SlowTime.Seconds()),
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(w.every, w.look)
	return w
}

func (w *watchdog) begin() {
	w.mu.Lock()
	w.reading = true
	w.mu.Unlock()
}

func (w *watchdog) end(n int) {
	w.mu.Lock()
	w.reading = false
	if w.bytes += int64(n); w.bytes >= w.want {
		w.bytes, w.waits = 0, 0
	}
	w.mu.Unlock()
}

func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	if w.reading {
		w.waits++
	}
	if w.waits >= looks {
		w.cut = true
		w.cancel(errTooSlow)
		return
	}
	w.timer.Reset(w.every)
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

func (w *watchdog) fired() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cut
}
