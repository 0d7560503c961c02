package op

import (
	"cmp"
	"slices"
)

// A Span is a piece of memory that is needed from step First to step Last,
// both inclusive.
type Span struct {
	First, Last int
	Bytes       int64
	Align       int64 // a power of two; 0 means 1
}

// Place gives every span an offset so that spans needed at the same step do
// not overlap, and returns the size of the arena that holds them. It is a
// library for backends, which alone know how many bytes a value takes.
//
// It places the largest span first, each in the lowest gap that fits: greedy
// by size, within a few per cent of the best possible on convolutional
// networks (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
// Net Inference", 2020, section 5.2).
func Place(spans []Span) (offsets []int64, arena int64) {
	order := make([]int, len(spans))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(spans[b].Bytes, spans[a].Bytes) })

	offsets = make([]int64, len(spans))
	var placed []int // by offset
	for _, i := range order {
		s := spans[i]
		align := max(s.Align, 1)
		var at int64
		for _, j := range placed {
			p := spans[j]
			if p.Last < s.First || s.Last < p.First {
				continue
			}
			if offsets[j]-at >= s.Bytes {
				break
			}
			at = max(at, (offsets[j]+p.Bytes+align-1)&^(align-1))
		}
		offsets[i] = at
		arena = max(arena, at+s.Bytes)
		k, _ := slices.BinarySearchFunc(placed, at, func(j int, at int64) int { return cmp.Compare(offsets[j], at) })
		placed = slices.Insert(placed, k, i)
	}
	return offsets, arena
}
