package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/argand-go/argand/internal/meter"
	"github.com/argand-go/argand/kernels"
	"github.com/spf13/cobra"
)

// A bench is what the command is asked to measure.
type bench struct {
	model   string // checkpoint; empty: the embedded shapes network
	input   string // "1x3x224x224", or a picture's file; empty: what suits the network
	threads int
	device  deviceFlags
	warmup  int
	count   int
	seed    uint64
	json    bool
	profile bool
	svg     string // file to draw the profile into
}

func newBench(stdout, stderr io.Writer) *cobra.Command {
	b := bench{}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast a network runs here, layer by layer",
		Long: "Bench runs a network over and over on one input and tells the median time of the whole and of every layer,\n" +
			"the operations per second (a multiply-add is two; convolutions count as direct ones, whatever algorithm\n" +
			"computes them) and how much that is of the peak, measured beside every run, of the threads that compute. On a\n" +
			"GPU layers are timed by its own clock, which takes a little longer than running them as one, and there is no peak.",
		Args: exactly("bench", 0, "arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context(), stdout, stderr) },
	}
	f := cmd.Flags()
	f.StringVar(&b.model, "model", "", "checkpoint `FILE` (default: an embedded network that knows shapes)")
	f.StringVar(&b.input, "input", "", "size of a random input, as `1x3x800x1216`, which the network then sees at that "+
		"size; or a picture's file (default: the size that the network is known for)")
	f.IntVar(&b.threads, "threads", 0, "`THREADS` to compute with; 0 is one for each core")
	b.device.addTo(f)
	f.IntVar(&b.count, "count", 10, "`RUNS` that are measured")
	f.IntVar(&b.warmup, "warmup", 2, "`RUNS` before those that are measured")
	f.Uint64Var(&b.seed, "seed", 1, "`SEED` of the random input")
	f.BoolVar(&b.json, "json", false, "print one JSON object instead of tables")
	f.BoolVar(&b.profile, "profile", false, "also print a table by operator")
	f.StringVar(&b.svg, "svg", "", "draw the layers' times as a flame graph into this `FILE`")
	return cmd
}

// check returns an error for flags that make no sense.
func (b *bench) check() error {
	switch {
	case b.threads < 0:
		return fmt.Errorf("--threads %d: want at least 0", b.threads)
	case b.count < 1:
		return fmt.Errorf("--count %d: want at least 1", b.count)
	case b.warmup < 0:
		return fmt.Errorf("--warmup %d: want at least 0", b.warmup)
	}
	return b.device.check()
}

func (b *bench) run(ctx context.Context, stdout, stderr io.Writer) error {
	if err := b.check(); err != nil {
		return misused(err)
	}
	on, err := b.device.open(stderr)
	if err != nil {
		return err
	}
	defer on.Close()
	m := meter.New(on.Backend)
	start := time.Now()
	s, err := b.subject(ctx, m)
	if err != nil {
		return err
	}
	defer s.close()
	r := benchReport{
		Model: s.model, Architecture: s.architecture, Backend: m.Name(), Precision: b.device.precision, Input: s.input,
		Runs: b.count, LoadMS: milliseconds(time.Since(start)),
	}
	if !on.IsGPU() {
		r.Threads = runtime.GOMAXPROCS(0)
	}
	if b.threads > 0 {
		r.Threads = min(b.threads, r.Threads)
	}
	if err := b.measure(ctx, m, s, &r); err != nil {
		return err
	}
	if b.svg != "" {
		if err := writeFile(b.svg, r.flame().write); err != nil {
			return err
		}
	}
	if b.json {
		return json.NewEncoder(stdout).Encode(r)
	}
	return r.write(stdout, b.profile)
}

// peakTime is how long the peak is measured before every run.
const peakTime = 5 * time.Millisecond

// measure runs the subject and fills in what the runs took.
func (b *bench) measure(ctx context.Context, m *meter.Meter, s *subject, r *benchReport) error {
	var runs [][]meter.Layer
	for i := range b.warmup + b.count {
		peak := 0.0
		if r.Threads > 0 {
			peak = kernels.PeakGFLOPS(peakTime)
		}
		start := time.Now()
		found, err := s.run(ctx)
		took := milliseconds(time.Since(start))
		if err != nil {
			return err
		}
		if i == 0 {
			r.FirstMS = took
		}
		layers := m.Take()
		if i < b.warmup {
			continue
		}
		r.Objects, r.PeakGFLOPS = found, max(r.PeakGFLOPS, peak)
		r.SamplesMS = append(r.SamplesMS, took)
		runs = append(runs, layers)
	}
	r.summarize(runs)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median returns the middle of x, the mean of the two in the middle of an even number.
func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// parseInput reads "1x3x800x1216". It returns nil for what is no size at all.
func parseInput(s string) (shape []int, err error) {
	var n, c, h, w int
	var rest string
	if k, _ := fmt.Sscanf(s, "%dx%dx%dx%d%s", &n, &c, &h, &w, &rest); k != 4 {
		return nil, nil
	}
	shape = []int{n, c, h, w}
	switch {
	case c != 3:
		return nil, fmt.Errorf("--input %s: want 3 channels", s)
	case slices.Min(shape) < 1:
		return nil, fmt.Errorf("--input %s: want at least 1 everywhere", s)
	case slices.Max(shape) > maxExtent:
		return nil, fmt.Errorf("--input %s: want at most %d everywhere", s, maxExtent)
	}
	return shape, nil
}

// maxExtent is the greatest side of an input.
const maxExtent = 1 << 14
