package sandbox

// A peer is the helper process, as the one who uses the sandbox sees it.
type peer struct{}
