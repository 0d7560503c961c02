package kernels

import (
	"sync"
	"unsafe"

	"github.com/argand-go/argand/tensor"
)

// memory is where a model's weights and arenas are. Those that are large are
// outside of Go's heap: the collector lets as much garbage come together as is
// alive there, and a program that runs Mask R-CNN on pictures has 420 MB of
// weights and arenas alive, and makes 20 MB of garbage with each picture.
//
// Nothing in it may be used after it was freed, where in Go's heap it would only
// be there for longer.
type memory struct {
	mu     sync.Mutex
	mapped map[*float32][]byte
}

// minMapped is how many bytes are worth a mapping of their own.
const minMapped = 256 << 10

// floats returns n zeros that begin at a cache line.
func (m *memory) floats(n int) []float32 {
	if bytes := 4 * n; bytes >= minMapped {
		if data := mapBytes(bytes); data != nil {
			first := (*float32)(unsafe.Pointer(unsafe.SliceData(data)))
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.mapped == nil {
				m.mapped = make(map[*float32][]byte)
			}
			m.mapped[first] = data
			return unsafe.Slice(first, n)
		}
	}
	return alignedFloats(n)
}

// free gives back what floats has returned.
func (m *memory) free(f []float32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := unsafe.SliceData(f)
	if data, ok := m.mapped[first]; ok {
		delete(m.mapped, first)
		unmapBytes(data)
	}
}

// freeAll gives back everything.
func (m *memory) freeAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, data := range m.mapped {
		unmapBytes(data)
	}
	m.mapped = nil
}

// alignedFloats returns n zeros in Go's heap that begin at a cache line.
func alignedFloats(n int) []float32 {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(tensor.AlignedBytes(4*n)))), n)
}
