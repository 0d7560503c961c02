package kernels

const (
	lineFloats = 16      // a cache line of 64 bytes
	spanFloats = 1 << 15 // what an item of a kernel without a product moves, some 20 µs
)

// spans divide equal pieces of work into items.
type spans struct{ total, per int }

// spansOf returns spans of total pieces that move the given floats each: none
// if that is nothing.
func spansOf(total, floats int) spans {
	if floats == 0 {
		return spans{0, 1}
	}
	return spans{total, max(1, spanFloats/floats)}
}

// upTo returns the same items for fewer pieces.
func (s spans) upTo(total int) spans { return spans{min(s.total, total), s.per} }

func (s spans) items() int { return (s.total + s.per - 1) / s.per }

// of returns the pieces of item i.
func (s spans) of(i int) (first, end int) { return i * s.per, min((i+1)*s.per, s.total) }
