package kernels

import (
	"runtime"
	"time"

	"github.com/argand-go/argand/kernels/internal/tile"
)

// PeakGFLOPS measures for about d what one core does at most with the
// instructions that [CPU] uses: multiply-adds on registers only, two
// operations each, in 10⁹ operations a second. It is the ceiling that a
// network's GFLOP/s are to be held against. The result is the best of many
// short samples, so that other work on the machine disturbs it little; at
// least one is taken, however small d is. It is 0 on the portable tier, which
// has no such instructions.
func PeakGFLOPS(d time.Duration) float64 { return peakOf(tile.Best(), d) }

// sampleSteps is the length of one sample, some 10 to 20 µs: shorter than what
// a scheduler gives a thread at a time, longer than a clock's grain.
const sampleSteps = 3000

func peakOf(t *tile.Tier, d time.Duration) float64 {
	if t.Peak == nil {
		return 0
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	best := 0.0
	for begin := time.Now(); ; {
		start := time.Now()
		t.Peak(sampleSteps)
		if ns := time.Since(start).Nanoseconds(); ns > 0 {
			best = max(best, 24*sampleSteps*float64(t.Lanes)/float64(ns))
		}
		if time.Since(begin) >= d && best > 0 {
			return best
		}
	}
}
