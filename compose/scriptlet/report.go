package scriptlet

import "time"

// A Report says what was run, what not, and how it went.
type Report struct {
	Steps []StepReport `json:"steps"`
}

// A StepReport is how one step went.
type StepReport struct {
	Step
	Duration time.Duration `json:"duration-ns"`
	Exit     int           `json:"exit"`
	Signal   string        `json:"signal,omitempty"`
	// Output is the end of what the scriptlet wrote.
	Output    string `json:"output,omitempty"`
	Truncated bool   `json:"truncated,omitempty"`
	// Leftover are the processes that it left running; they were killed.
	Leftover []string `json:"leftover,omitempty"`
}
