//go:build linux && cgo && !nocuda

package cuda

// An element is what a map is of.
type element uint8

const (
	elementF32 element = iota
	elementBF16
	elementF16
)

// size returns how many bytes it has.
func (e element) size() int {
	if e == elementF32 {
		return 4
	}
	return 2
}

// lanes returns how many 16 bytes are: kernels read that many at once.
func (e element) lanes() int { return 16 / e.size() }

// suffix returns what the names of kernels for it end in.
func (e element) suffix() string { return [...]string{"f32", "bf16", "f16"}[e] }
