package sandbox

// Helper is called first of all in main, with os.Args. When this process was
// started as a sandbox's helper it does that, and ok is true: the caller exits
// with code.
func Helper(args []string) (code int, ok bool) { return 0, false }
