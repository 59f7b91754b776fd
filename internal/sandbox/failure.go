package sandbox

import "fmt"

// Failure says in words how a program failed; empty when it did not.
func (r *Result) Failure() string {
	switch {
	case r.OK():
		return ""
	case r.TimedOut:
		return fmt.Sprintf("it was still running after %s and was ended", r.Duration.Round(1e9))
	case r.DiskFull:
		return "it wrote more than it may and was ended"
	case r.TooMany:
		return "it started more processes than it may and was ended"
	case r.Signal != "":
		return "it was ended by " + r.Signal
	}
	return fmt.Sprintf("exit status %d", r.Exit)
}
