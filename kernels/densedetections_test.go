package kernels

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argand-go/argand/nn/op"
)

func TestKeysHoldTheirScores(t *testing.T) {
	for _, score := range []float32{0, 1, 0.05, -3, 1e-45, -1e-45, 3e38, float32(math.Inf(1)), float32(math.Inf(-1))} {
		if got := keyOf(score, 7).score(); got != score {
			t.Errorf("%v became %v", score, got)
		}
	}
	if got := keyOf(float32(math.NaN()), 7).score(); got == got {
		t.Errorf("NaN became %v", got)
	}
}

// TestNoScoreIsLostBelowTheBar: whatever is greater than the least score has a
// logit above the bar, and little that is not has.
func TestNoScoreIsLostBelowTheBar(t *testing.T) {
	r := rand.New(rand.NewPCG(37, 38))
	for _, centerness := range []bool{false, true} {
		k := &dense{DenseDetections: &op.DenseDetections{Centerness: centerness}}
		for range 200_000 {
			logit, center := float32(6*r.NormFloat64()), float32(1)
			if centerness {
				center = sigmoidOf(float32(4 * r.NormFloat64()))
			}
			score := k.score(logit, center)
			least := math.Nextafter32(score, 0)
			bar := k.bar(least, center)
			if score > least && !(logit > bar) {
				t.Fatalf("logit %v, centerness %v: a score of %v is below the bar %v for %v", logit, center, score, bar, least)
			}
			if logit < 6 && least > 1e-9 && bar < logit-0.1 {
				t.Fatalf("logit %v, centerness %v: the bar for %v is %v, far below", logit, center, least, bar)
			}
		}
	}
	k := &dense{DenseDetections: &op.DenseDetections{Centerness: true}}
	for _, c := range []struct{ least, center, want float32 }{
		{0, 1, float32(math.Inf(-1))}, {1, 1, 13}, {0.5, 0, float32(math.Inf(1))}, {0.5, 0.1, float32(math.Inf(1))},
		{0.5, float32(math.NaN()), float32(math.Inf(1))},
	} {
		if got := k.bar(c.least, c.center); math.Abs(float64(got-c.want)) > 1 {
			t.Errorf("the bar for %v of centerness %v is %v", c.least, c.center, got)
		}
	}
}
