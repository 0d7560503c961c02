package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"github.com/argand-go/argand/internal/meter"
	"github.com/argand-go/argand/nn/op"
)

// A benchReport is what bench measured, as --json prints it. Times are in milliseconds; rates are 10⁹ operations a
// second. A percentage is that of the peak of all threads; it and the peak are 0 where there is no peak to measure.
type benchReport struct {
	Model         string       `json:"model"`
	Architecture  string       `json:"architecture"`
	Backend       string       `json:"backend"`
	Precision     op.Precision `json:"precision"`
	Input         string       `json:"input"`
	Threads       int          `json:"threads"` // 0 on a GPU
	Runs          int          `json:"runs"`
	Objects       *int         `json:"objects,omitempty"` // that a detector found
	LoadMS        float64      `json:"load_ms"`           // from opening the file to being ready
	FirstMS       float64      `json:"first_ms"`          // the first run of all
	MedianMS      float64      `json:"median_ms"`
	MinMS         float64      `json:"min_ms"`
	OutsideMS     float64      `json:"outside_ms"` // of the median: what no layer did, such as resizing
	GFLOP         float64      `json:"gflop"`
	GFLOPS        float64      `json:"gflops"`
	PercentOfPeak float64      `json:"percent_of_peak"`
	PeakGFLOPS    float64      `json:"peak_gflops"` // of one thread
	SamplesMS     []float64    `json:"samples_ms"`
	Layers        []benchLayer `json:"layers"`
}

// A benchLayer is one layer of a report, with the medians of its times.
type benchLayer struct {
	Path          string  `json:"path"`
	Op            string  `json:"op"`
	Kernel        string  `json:"kernel"`
	Times         int     `json:"times"` // that a run applies it
	MedianMS      float64 `json:"median_ms"`
	GFLOP         float64 `json:"gflop"`
	GFLOPS        float64 `json:"gflops"`
	PercentOfPeak float64 `json:"percent_of_peak"`
}

// summarize fills in what follows from the samples and the layers of the same runs.
func (r *benchReport) summarize(runs [][]meter.Layer) {
	r.MedianMS, r.MinMS = median(r.SamplesMS), slices.Min(r.SamplesMS)
	times := map[[2]string][]float64{}
	for _, layers := range runs {
		for _, l := range layers {
			k := [2]string{l.Path, l.Op}
			times[k] = append(times[k], milliseconds(l.Time))
		}
	}
	r.Layers = []benchLayer{}
	inside := 0.0
	for _, l := range runs[len(runs)-1] { // every run has the same layers
		b := benchLayer{Path: l.Path, Op: l.Op, Kernel: l.Kernel, Times: l.Runs, GFLOP: float64(l.FLOPs) / 1e9}
		b.MedianMS = median(times[[2]string{l.Path, l.Op}])
		b.GFLOPS, b.PercentOfPeak = r.rate(b.GFLOP, b.MedianMS)
		r.Layers = append(r.Layers, b)
		r.GFLOP += b.GFLOP
		inside += b.MedianMS
	}
	r.OutsideMS = max(0, r.MedianMS-inside)
	r.GFLOPS, r.PercentOfPeak = r.rate(r.GFLOP, r.MedianMS)
}

// rate returns operations per second and what that is of the peak.
func (r *benchReport) rate(gflop, ms float64) (gflops, percent float64) {
	if ms > 0 {
		gflops = 1000 * gflop / ms
	}
	if r.PeakGFLOPS > 0 {
		percent = 100 * gflops / (r.PeakGFLOPS * float64(r.Threads))
	}
	return gflops, percent
}

// write prints the report: the whole, by operator if asked for, and by layer.
func (r *benchReport) write(w io.Writer, byOperator bool) error {
	fmt.Fprintf(w, "%s: %s\n%s on %s", printable(r.Model), r.Architecture, printable(r.Input), r.Backend)
	if r.Threads > 0 {
		fmt.Fprintf(w, ", %s\n", count(r.Threads, "thread"))
	} else {
		fmt.Fprintf(w, ", %v\n", r.Precision)
	}
	fmt.Fprintf(w, "median %.2f ms, least %.2f ms of %s; the first took %.2f ms, loading %.0f ms\n",
		r.MedianMS, r.MinMS, count(r.Runs, "run"), r.FirstMS, r.LoadMS)
	fmt.Fprintf(w, "%.2f GFLOP, %.1f GFLOP/s", r.GFLOP, r.GFLOPS)
	if r.PeakGFLOPS > 0 {
		fmt.Fprintf(w, ", %.1f %% of the peak, %.1f GFLOP/s per thread", r.PercentOfPeak, r.PeakGFLOPS)
	}
	if r.Objects != nil {
		fmt.Fprintf(w, "; %s found", count(*r.Objects, "object"))
	}
	fmt.Fprintln(w)
	if byOperator {
		if err := r.writeOperators(w); err != nil {
			return err
		}
	}
	return r.writeLayers(w)
}

// writeOperators prints the times summed by operator and kernel, the slowest first.
func (r *benchReport) writeOperators(w io.Writer) error {
	sums := map[[2]string]*benchLayer{}
	for _, l := range r.Layers {
		k := [2]string{l.Op, l.Kernel}
		if sums[k] == nil {
			sums[k] = &benchLayer{Op: l.Op, Kernel: l.Kernel}
		}
		sums[k].Times += l.Times
		sums[k].MedianMS += l.MedianMS
		sums[k].GFLOP += l.GFLOP
	}
	var rows []benchLayer
	for _, s := range sums {
		s.GFLOPS, s.PercentOfPeak = r.rate(s.GFLOP, s.MedianMS)
		rows = append(rows, *s)
	}
	rows = append(rows, benchLayer{Op: "(no layer)", MedianMS: r.OutsideMS})
	slices.SortFunc(rows, func(a, b benchLayer) int {
		return cmp.Or(cmp.Compare(b.MedianMS, a.MedianMS), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Kernel, b.Kernel))
	})
	t := newBenchTable(w, r)
	fmt.Fprintf(t, "\nOPERATOR\tKERNEL\t%6s\t%s", "TIMES", t.heads())
	for _, l := range rows {
		times := strconv.Itoa(l.Times)
		if l.Times == 0 {
			times = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%6s\t%s", l.Op, cmp.Or(l.Kernel, "-"), times, t.numbers(l))
	}
	return t.Flush()
}

// writeLayers prints the layers in the order of the network.
func (r *benchReport) writeLayers(w io.Writer) error {
	t := newBenchTable(w, r)
	fmt.Fprintf(t, "\nLAYER\tOPERATOR\tKERNEL\t%s", t.heads())
	for _, l := range r.Layers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s", printable(cmp.Or(l.Path, "-")), l.Op, cmp.Or(l.Kernel, "-"), t.numbers(l))
	}
	return t.Flush()
}

// A benchTable aligns columns of which the last are numbers.
type benchTable struct {
	*tabwriter.Writer
	report *benchReport
}

func newBenchTable(w io.Writer, r *benchReport) benchTable {
	return benchTable{tabwriter.NewWriter(w, 0, 0, 3, ' ', 0), r}
}

func (t benchTable) heads() string {
	return fmt.Sprintf("%9s\t%6s\t%8s\t%8s\t%6s\n", "MS", "% TIME", "GFLOP", "GFLOP/S", "% PEAK")
}

// numbers returns the end of a line. Layers that only move or select have no rate.
func (t benchTable) numbers(l benchLayer) string {
	share := 0.0
	if t.report.MedianMS > 0 {
		share = 100 * l.MedianMS / t.report.MedianMS
	}
	gflop, rate, percent := "-", "-", "-"
	if l.GFLOP > 0 {
		gflop, rate = fmt.Sprintf("%.3f", l.GFLOP), fmt.Sprintf("%.1f", l.GFLOPS)
	}
	if l.GFLOP > 0 && t.report.PeakGFLOPS > 0 {
		percent = fmt.Sprintf("%.1f", l.PercentOfPeak)
	}
	return fmt.Sprintf("%9.3f\t%6.1f\t%8s\t%8s\t%6s\n", l.MedianMS, share, gflop, rate, percent)
}
