package initramfs

// RandomNodes and Separator give tests what Build appends to an image.
var (
	RandomNodes = randomNodes
	Separator   = separator
)

// DecodeInputs and Encode give tests the form that inputs have in the cache.
var DecodeInputs = decodeInputs

func (in Inputs) Encode() []byte { return in.encode() }
