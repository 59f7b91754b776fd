package rpmdb

import (
	"database/sql"
	"fmt"
	"strings"
)

// batch is how many rows one statement inserts.
const batch = 64

// inserter collects the rows of an index table: a statement costs more than a
// row.
type inserter struct {
	table
	values []any
	full   *sql.Stmt // inserts a batch
}

func (t *inserter) insert(w *writer, r row, number uint32) (err error) {
	t.values = append(t.values, r.key, int64(number), int64(r.index))
	if len(t.values) < 3*batch {
		return nil
	}
	if t.full == nil {
		if t.full, err = w.tx.PrepareContext(w.ctx, t.statement(batch)); err != nil {
			return err
		}
	}
	_, err = t.full.ExecContext(w.ctx, t.values...)
	t.values = t.values[:0]
	return err
}

// close inserts what is left.
func (t *inserter) close(w *writer) error {
	if t.full != nil {
		if err := t.full.Close(); err != nil {
			return err
		}
	}
	if len(t.values) == 0 {
		return nil
	}
	_, err := w.tx.ExecContext(w.ctx, t.statement(len(t.values)/3), t.values...)
	t.values = nil
	return err
}

func (t *inserter) statement(rows int) string {
	return fmt.Sprintf("INSERT INTO '%s' VALUES (?,?,?)%s", t.name, strings.Repeat(",(?,?,?)", rows-1))
}
