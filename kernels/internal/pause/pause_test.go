package pause

import "testing"

// TestTimes hangs if a count is taken for an unsigned one.
func TestTimes(t *testing.T) {
	for _, n := range []int{-1, 0, 1, 100} {
		Times(n)
	}
}

// BenchmarkTimes tells how long one is.
func BenchmarkTimes(b *testing.B) { Times(b.N) }
