package main

// textWriter writes text for people that others made: see printf.
type textWriter struct{ env *environment }

// text is standard output for text that may hold names of others.
func (e *environment) text() textWriter { return textWriter{e} }

// Write takes whole lines.
func (w textWriter) Write(p []byte) (int, error) {
	w.env.progress.finish()
	if _, err := w.env.stdout.Write([]byte(plain(string(p)))); err != nil {
		return 0, err
	}
	return len(p), nil
}
