package content

// Encode gives tests the bytes of a manifest.
func Encode(m *Manifest) []byte { return m.encode() }
