package archive

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

const (
	// smallFile is the size up to which a file is read once, into memory.
	smallFile = 1 << 20
	// blockSize is how much of a larger file one worker compresses at a time.
	blockSize = 1 << 20
	// window is how far deflate looks back.
	window = 32 << 10
)

// worker holds the buffers for one file, or one block of a large one. There
// are as many as files may be compressed at once, which bounds the memory.
type worker struct {
	in   []byte // what is compressed
	dict []byte // what stands before it in the file
	out  bytes.Buffer
	z    *flate.Writer
}

// workers lends out workers. A worker is made when it is first needed.
type workers struct {
	slots chan *worker
	level int
}

func (ws *workers) init(jobs, level int) {
	ws.slots, ws.level = make(chan *worker, jobs), level
	for range jobs {
		ws.slots <- nil
	}
}

func (ws *workers) get(ctx context.Context) (*worker, error) {
	select {
	case w := <-ws.slots:
		return ws.ready(w)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tryGet returns nil when all workers are busy.
func (ws *workers) tryGet() (*worker, error) {
	select {
	case w := <-ws.slots:
		return ws.ready(w)
	default:
		return nil, nil
	}
}

func (ws *workers) ready(w *worker) (*worker, error) {
	if w != nil {
		return w, nil
	}
	z, err := flate.NewWriter(io.Discard, ws.level)
	if err != nil {
		ws.slots <- nil
		return nil, err
	}
	return &worker{z: z}, nil
}

func (ws *workers) put(w *worker) {
	if w != nil {
		ws.slots <- w
	}
}

// buffer returns w.in with room for n bytes.
func (w *worker) buffer(n int) []byte {
	if cap(w.in) < n {
		w.in = make([]byte, n, min(2*n, max(n, blockSize)))
	}
	w.in = w.in[:n]
	return w.in
}

// deflate compresses data to w.out, behind what is there: a whole stream, or
// the block that follows w.dict and, unless it is the last, ends at a byte.
func (w *worker) deflate(data []byte, last bool) error {
	start := w.out.Len()
	w.z.ResetDict(&w.out, w.dict) // without one it resets all the same
	if _, err := w.z.Write(data); err != nil {
		return fmt.Errorf("deflating: %w", err)
	}
	if !last {
		return w.z.Flush()
	}
	err := w.z.Close()
	if len(w.dict) > 0 || len(data) > tinyFile || err != nil {
		return err
	}
	var buf [tinyFile + tinyFile/4]byte
	if letters := appendLetters(buf[:0], data); len(letters) < w.out.Len()-start {
		w.out.Truncate(start)
		w.out.Write(letters)
	}
	return nil
}

// inflight is a block that is being compressed.
type inflight struct {
	w    *worker
	done chan error
}

// deflater compresses a stream in blocks, on as many workers as are idle; its
// own is always there, so it never waits for others. The blocks come out in
// order, as one deflate stream.
type deflater struct {
	ws      *workers
	own     *worker
	dst     io.Writer
	dict    []byte
	pending []inflight
	wg      sync.WaitGroup
}

// readFrom compresses all of src, which has size bytes.
func (d *deflater) readFrom(ctx context.Context, src io.Reader, size int64) (err error) {
	defer d.abandon()
	for left := size; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := d.worker()
		if err != nil {
			return err
		}
		n := min(left, blockSize)
		left -= n
		if err := d.block(w, src, int(n), left == 0); err != nil {
			return err
		}
		if left == 0 {
			break
		}
	}
	for len(d.pending) > 0 {
		if err := d.flushOldest(); err != nil {
			return err
		}
	}
	return nil
}

// worker returns an idle worker: its own when no other is.
func (d *deflater) worker() (*worker, error) {
	for {
		if !d.busy(d.own) {
			return d.own, nil
		}
		w, err := d.ws.tryGet()
		if w != nil || err != nil {
			return w, err
		}
		if err := d.flushOldest(); err != nil {
			return nil, err
		}
	}
}

func (d *deflater) busy(w *worker) bool {
	for _, p := range d.pending {
		if p.w == w {
			return true
		}
	}
	return false
}

// block reads n bytes and starts to compress them.
func (d *deflater) block(w *worker, src io.Reader, n int, last bool) error {
	w.out.Reset()
	w.dict = append(w.dict[:0], d.dict...)
	data := w.buffer(n)
	p := inflight{w, make(chan error, 1)}
	if _, err := io.ReadFull(src, data); err != nil {
		p.done <- nil
		d.pending = append(d.pending, p)
		return shortRead(err)
	}
	d.dict = append(d.dict[:0], data[max(0, n-window):]...)
	d.pending = append(d.pending, p)
	d.wg.Go(func() { p.done <- w.deflate(data, last) })
	return nil
}

// flushOldest waits for the first pending block and writes it.
func (d *deflater) flushOldest() error {
	p := d.pending[0]
	d.pending = d.pending[1:]
	err := <-p.done
	if err == nil {
		_, err = d.dst.Write(p.w.out.Bytes())
	}
	d.giveBack(p.w)
	return err
}

func (d *deflater) giveBack(w *worker) {
	w.dict = w.dict[:0]
	if w != d.own {
		d.ws.put(w)
	}
}

// abandon waits for what still runs after an error.
func (d *deflater) abandon() {
	d.wg.Wait()
	for _, p := range d.pending {
		d.giveBack(p.w)
	}
	d.pending = nil
}

func shortRead(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errChanged
	}
	return err
}
