package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/argand-go/argand/internal/meter"
)

const (
	warmups = 3
	slowest = 20 // layers that are shown by themselves
)

// profile runs a network and prints where the time goes by the device's events: the slowest layers, and all of them by
// engine. Operations are those of direct convolutions, a multiply-add being two, of rows that there are.
func (w *worker) profile(ctx context.Context, s setting, runs int, out io.Writer) (err error) {
	if runs < 1 {
		return fmt.Errorf("%d runs: want at least 1", runs)
	}
	m := meter.New(w.gpu)
	v, err := w.subject(ctx, m, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	for range warmups {
		if _, err := v.run(ctx); err != nil {
			return err
		}
	}
	m.Take()
	start := time.Now()
	for range runs {
		if _, err := v.run(ctx); err != nil {
			return err
		}
	}
	wall := time.Since(start)
	layers := m.Take()
	all := total(layers)
	fmt.Fprintf(out, "%s %v batch %d, %d×%d on %s: %.3f ms in steps, %.3f ms by the clock with events between\n",
		s.network, s.precision, s.batch, s.height, s.width, w.gpu.Name(), each(all, runs), each(wall, runs))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, n int, took time.Duration, flops int64) {
		rate := 0.0
		if took > 0 {
			rate = float64(flops) / took.Seconds() / 1e12
		}
		fmt.Fprintf(table, "%.3f ms\t%.1f %%\t%d×\t%.2f TFLOP/s\t  %s\n",
			each(took, runs), 100*float64(took)/float64(max(all, 1)), n/runs, rate, name)
	}
	slices.SortStableFunc(layers, func(a, b meter.Layer) int { return cmp.Compare(b.Time, a.Time) })
	for _, l := range layers[:min(slowest, len(layers))] {
		row(fmt.Sprintf("%s %s %s", cmp.Or(l.Path, "-"), l.Op, l.Kernel), l.Runs, l.Time, l.FLOPs)
	}
	fmt.Fprintln(table, strings.Repeat("\t", 4)+"  by engine:")
	for _, e := range engines(layers) {
		row(e.Kernel, e.Runs, e.Time, e.FLOPs)
	}
	return table.Flush()
}

// each is the time of one run in milliseconds.
func each(d time.Duration, runs int) float64 { return d.Seconds() * 1000 / float64(runs) }

// engines sums layers by what ran them, the slowest first.
func engines(layers []meter.Layer) []meter.Layer {
	var sums []meter.Layer
	for _, l := range layers {
		i := slices.IndexFunc(sums, func(s meter.Layer) bool { return s.Kernel == l.Kernel })
		if i < 0 {
			i, sums = len(sums), append(sums, meter.Layer{Kernel: l.Kernel})
		}
		sums[i].Runs += l.Runs
		sums[i].Time += l.Time
		sums[i].FLOPs += l.FLOPs
	}
	slices.SortStableFunc(sums, func(a, b meter.Layer) int { return cmp.Compare(b.Time, a.Time) })
	return sums
}
