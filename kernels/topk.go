package kernels

import "math"

// A key orders numbered scores: the smaller key is the greater score, or of
// equal scores the smaller number. A NaN is greater than any score, as in
// PyTorch's sort.
type key uint64

func keyOf(score float32, number int) key {
	bits := math.Float32bits(score)
	switch {
	case score != score:
		bits = math.MaxUint32
	case score == 0:
		bits = 1 << 31 // −0 is no less than 0
	case bits>>31 == 0:
		bits |= 1 << 31
	default:
		bits = ^bits
	}
	return key(^bits)<<32 | key(uint32(number))
}

func (k key) number() int { return int(uint32(k)) }

// score returns the score, 0 for −0.
func (k key) score() float32 {
	bits := ^uint32(k >> 32)
	if bits>>31 == 1 {
		return math.Float32frombits(bits &^ (1 << 31))
	}
	return math.Float32frombits(^bits)
}

// A topK keeps the least keys pushed, as many as its capacity, in a heap with
// the greatest on top.
type topK []key

// push offers k.
func (h *topK) push(k key) {
	s := *h
	switch {
	case len(s) < cap(s):
		s = append(s, k)
		*h = s
		for i := len(s) - 1; i > 0 && s[(i-1)/2] < s[i]; i = (i - 1) / 2 {
			s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
		}
	case len(s) > 0 && k < s[0]:
		s[0] = k
		for i := 0; ; {
			child := 2*i + 1
			if child >= len(s) {
				return
			}
			if child+1 < len(s) && s[child+1] > s[child] {
				child++
			}
			if s[i] >= s[child] {
				return
			}
			s[i], s[child] = s[child], s[i]
			i = child
		}
	}
}
