package beamio

import (
	"sync"
	"time"
)

const (
	// Batches grow until what a batch costs by itself is this share of its time …
	targetOverhead = 0.05
	// … or until it takes this long …
	targetDuration = 10 * time.Second
	// … but those that take less than this always grow: below it a clock shows noise.
	growBelow = 2 * time.Millisecond
	// A measurement loses this share of its weight with every later one.
	forget = 0.03
)

// sizer learns how long a model takes for n examples, as a + b·n by weighted
// least squares, and says how many to give it next. It is kept with the model,
// so that later bundles start with what earlier ones learnt.
type sizer struct {
	mu                sync.Mutex
	w, x, xx, y, xy   float64 // sums of 1, n, n², t and n·t
	largest, observed int
	most              int // what has room on the device, 0 if nothing had none
}

// shrink records that no batch of more than n has room on the device.
func (s *sizer) shrink(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most == 0 || n < s.most {
		s.most = n
	}
}

// observe records that a batch of n took t. The first batch of a model is left
// out: it pays for memory plans and cold caches.
func (s *sizer) observe(n int, t time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.largest = max(s.largest, n)
	if s.observed++; s.observed == 1 {
		return
	}
	fn, ft, keep := float64(n), t.Seconds(), 1-forget
	s.w = s.w*keep + 1
	s.x = s.x*keep + fn
	s.xx = s.xx*keep + fn*fn
	s.y = s.y*keep + ft
	s.xy = s.xy*keep + fn*ft
}

// next returns a size from low to high, at most twice the largest so far, or less
// if there is no room for more.
func (s *sizer) next(low, high int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.most > 0 {
		low, high = min(low, s.most), min(high, s.most)
	}
	if low == high {
		return low
	}
	limit := max(low, min(high, 2*s.largest))
	if s.w == 0 {
		return limit
	}
	want := float64(high)
	spread := s.w*s.xx - s.x*s.x // 0, but for rounding, while all batches had one size
	b := (s.w*s.xy - s.x*s.y) / spread
	if spread > 1e-9*s.w*s.xx && b > 0 {
		a := max((s.y-b*s.x)/s.w, 0)
		want = min(a/b*(1/targetOverhead-1), (targetDuration.Seconds()-a)/b)
		want = max(want, (growBelow.Seconds()-a)/b)
	}
	if want < float64(limit) {
		limit = max(int(want), low)
	}
	return limit
}
