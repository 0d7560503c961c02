package kernels

import (
	"testing"
	"time"

	"github.com/argand-go/argand/kernels/internal/tile"
)

// TestPeak wants a possible rate of every tier that this machine has: between 1 and 64 operations per lane and
// nanosecond.
func TestPeak(t *testing.T) {
	for _, tier := range tile.Tiers() {
		if tier.Lacks != "" {
			t.Logf("THIS MACHINE LACKS %s: %s IS NOT TESTED", tier.Lacks, tier.Name)
			continue
		}
		got := peakOf(&tier, 20*time.Millisecond)
		if tier.Peak == nil {
			if got != 0 {
				t.Errorf("%s: %v GFLOP/s, want 0 without a loop", tier.Name, got)
			}
			continue
		}
		t.Logf("%s: %.0f GFLOP/s", tier.Name, got)
		if lanes := float64(tier.Lanes); !(got > lanes && got < 64*lanes) {
			t.Errorf("%s: %v GFLOP/s on %d lanes", tier.Name, got, tier.Lanes)
		}
	}
	if got := PeakGFLOPS(0); (got > 0) != (tile.Best().Peak != nil) {
		t.Errorf("PeakGFLOPS(0) = %v on %s", got, tile.Best().Name)
	}
}
