package beamio

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/cuda"
)

// TestHalves has batches for which a device's memory is too small: they are run in halves, later ones are no larger, and
// only the example that is too large by itself is lost, with the reason.
func TestHalves(t *testing.T) {
	h := &scale{Name: t.Name(), Room: 25}
	b := newBundle(t, h, WithBatchSize(8, 8)).mustRun(t, 1, 2, 3, 4, 5, 6, 7, 30)
	if !slices.Equal(b.predictions(), []int{1, 2, 3, 4, 5, 6, 7}) {
		t.Errorf("got %v", b.predictions())
	}
	if len(b.failures) != 1 || b.failures[0].Example != 30 || b.failures[0].Stage != StageInference ||
		!strings.Contains(b.failures[0].Error, "smaller batches or pictures") {
		t.Errorf("failures %+v", b.failures)
	}
	w := watcherOf(t.Name())
	if !slices.Equal(w.sizes(), []int{8, 4, 4, 2, 2, 1, 1}) {
		t.Errorf("batches of %v", w.sizes())
	}
	if b.mustRun(t, 1, 1, 1); !slices.Equal(w.sizes()[7:], []int{1, 1, 1}) {
		t.Errorf("then batches of %v", w.sizes())
	}
}

// TestContextLost has a device's context lost in the middle of a bundle: that fails, whatever the batch, and the next
// loads the model again. The one before is closed.
func TestContextLost(t *testing.T) {
	h := &scale{Name: t.Name(), Lose: []int{2}}
	b := newBundle(t, h, WithBatchSize(3, 3))
	err := b.run(1, 2, 3)
	if !errors.Is(err, cuda.ErrContextLost) || !strings.Contains(err.Error(), "scale") ||
		!strings.Contains(err.Error(), "loaded again") || len(b.failures) > 0 {
		t.Errorf("%v, failures %v", err, b.failures)
	}
	b.mustRun(t, 1, 2, 3)
	w := watcherOf(t.Name())
	if !slices.Equal(b.predictions(), []int{1, 2, 3}) || w.loads.Load() != 2 || w.closed.Load() != 1 {
		t.Errorf("got %v, %d loads, %d closed", b.predictions(), w.loads.Load(), w.closed.Load())
	}
}

// TestDeviceDefaults looks at what options mean for handlers that ask for a GPU, those within others too.
func TestDeviceDefaults(t *testing.T) {
	gpu := &Detector{Model: "m", Device: "auto"}
	for _, c := range []struct {
		h    any
		want bool
	}{
		{gpu, true},
		{&Detector{Device: "cpu"}, false},
		{&Detector{}, false},
		{&Classifier{Device: "cuda:1"}, true},
		{&Segmenter{Device: "auto"}, true},
		{&Torch{Device: "cuda"}, true},
		{&Linear{}, false},
		{&Preprocess[string, Picture, Detections]{Handler: gpu}, true},
		{&Postprocess[Picture, Detections, int]{Handler: gpu}, true},
		{&PerKey[string, Picture, Detections]{Default: gpu}, true},
		{&PerKey[string, Picture, Detections]{Cohorts: []Cohort[string, Picture, Detections]{{Handler: gpu}}}, true},
		{&PerKey[string, Picture, Detections]{Default: &Detector{}}, false},
	} {
		if got := wantsGPU(c.h); got != c.want {
			t.Errorf("%T: %v", c.h, got)
		}
	}
	for name, c := range map[string]struct {
		opts        []Option
		concurrency int
		delay       time.Duration
	}{
		"default": {nil, gpuBatches, gpuDelay},
		"given":   {[]Option{WithConcurrency(1), WithBatchDelay(time.Second)}, 1, time.Second},
	} {
		set, err := newSettings(gpu, false, c.opts)
		if err != nil || set.Concurrency != c.concurrency || set.Delay != c.delay {
			t.Errorf("%s: %+v, %v", name, set, err)
		}
	}
	if low, high := gpu.PreferredBatch(); low != 1 || high != 8 {
		t.Errorf("batches of %d to %d", low, high)
	}
}
