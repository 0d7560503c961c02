//go:build !linux || !cgo || nocuda

package cuda

// Probe says why there are no devices: this program was built without CUDA.
func Probe(Options) *Report {
	return &Report{Absent: ErrNotBuilt.Error()}
}
