// Package progress carries how far a long operation has come from the
// libraries to whoever draws it: a terminal, a JSON stream, a job page.
package progress

// Update says that Done of Total units of Stage are finished. Total is zero
// while it is unknown. Updates of one stage arrive in order; Done never falls.
type Update struct {
	Stage string `json:"stage"`
	Done  int64  `json:"done"`
	Total int64  `json:"total,omitempty"`
}

// Func receives updates. It may be called from several goroutines at once and
// must return quickly. A nil Func is fine: call it through Send.
type Func func(Update)

// Send passes an update on, and does nothing for a nil Func.
func (f Func) Send(stage string, done, total int64) {
	if f != nil {
		f(Update{Stage: stage, Done: done, Total: total})
	}
}
