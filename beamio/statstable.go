package beamio

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Table returns the statistics as a few aligned lines for people. What is not
// known is left out. unit is what an example is called, "picture" say, and took
// how long the job took, 0 if that is not known.
func (s *Stats) Table(unit string, took time.Duration) string {
	var t labelled
	done := s.Inferences + s.FailedExamples
	if took > 0 && done > 0 {
		t.line("speed", "%s %ss a second%s", threeDigits(float64(done)/took.Seconds()), unit, s.withoutLoad(done, took))
	}
	if s.FailedExamples > 0 {
		t.line("failures", "%d%s", s.FailedExamples, s.byStage())
	}
	if s.BatchSize.Count > 0 {
		t.line("batches", "%s", s.BatchSize.sizes(unit))
	}
	if len(s.BatchSize.Buckets) > 1 {
		t.line("", "%s", bars(s.BatchSize.Buckets))
	}
	switch {
	case s.Batch.Count == 0:
	case s.BatchSize.Max == 1:
		t.line("inference", "%s a %s", s.Batch.latency(), unit)
	default:
		t.line("inference", "%s a batch", s.Batch.latency())
		if len(s.Example.Buckets) > 0 {
			t.line("", "%s a %s", s.Example.latency(), unit)
		}
	}
	if s.Prepare.Count > 0 {
		t.line("decoding", "%s a %s, %s %% of the work", s.Prepare.latency(), unit, threeDigits(100*s.PrepareShare()))
	}
	if s.Wait.Mean() >= 1000 { // shorter waits are only those for a lock
		t.line("waiting", "%s a batch, for the model to be free", s.Wait.latency())
	}
	if s.Load.Count > 0 {
		t.line("model", "%s", s.model())
	}
	if faults := s.faults(); faults != "" {
		t.line("faults", "%s", faults)
	}
	return t.String()
}

// labelled is lines of text that begin with a name each.
type labelled struct{ strings.Builder }

func (t *labelled) line(name, format string, args ...any) {
	fmt.Fprintf(t, "%-11s ", name)
	fmt.Fprintf(t, format+"\n", args...)
}

// withoutLoad returns how fast the job was once the model was loaded, if that
// makes a difference.
func (s *Stats) withoutLoad(done int64, took time.Duration) string {
	load := time.Duration(s.Load.Max) * time.Millisecond
	if load < took/100 || load >= took {
		return ""
	}
	return fmt.Sprintf(", %s without loading the model", threeDigits(float64(done)/(took-load).Seconds()))
}

// byStage returns ": 2 at read, 1 at decode", say.
func (s *Stats) byStage() string {
	var parts []string
	for _, stage := range append(stages(), otherStage) {
		if n := s.FailedAt[stage]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d at %s", n, stage))
		}
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// model returns "12.3 MB, loaded in 55 ms", say.
func (s *Stats) model() string {
	text := megabytes(s.ModelBytes.Mean()) + ", loaded "
	if s.Load.Count > 1 {
		text += fmt.Sprintf("%d times, ", s.Load.Count)
	}
	micros := s.Load.times(1000)
	text += "in " + micros.latency()
	switch {
	case s.Updates == 1:
		text += " and changed once"
	case s.Updates > 1:
		text += fmt.Sprintf(" and changed %d times", s.Updates)
	}
	return text
}

// faults returns what went wrong besides examples.
func (s *Stats) faults() string {
	var parts []string
	for _, f := range []struct {
		what string
		n    int64
	}{
		{"failed batches", s.FailedBatches}, {"calls that timed out", s.TimedOut},
		{"calls that did not return", s.Hung}, {"failed updates", s.FailedUpdates},
	} {
		if f.n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", f.what, f.n))
		}
	}
	return strings.Join(parts, ", ")
}

// sizes returns how many batches of which sizes there were.
func (v *Values) sizes(unit string) string {
	switch {
	case v.Max == 1:
		return fmt.Sprintf("%d of 1 %s", v.Count, unit)
	case v.Min == v.Max:
		return fmt.Sprintf("%d of %d %ss", v.Count, v.Max, unit)
	}
	return fmt.Sprintf("%d of %d to %d %ss, %s on average", v.Count, v.Min, v.Max, unit, threeDigits(v.Mean()))
}

// bars returns a histogram in a line: sizes up to each power of two, a bar and a
// number.
func bars(buckets []Bucket) string {
	var groups []Bucket
	for _, b := range buckets {
		last := len(groups) - 1
		if last >= 0 && bits.Len64(uint64(groups[last].UpTo-1)) == bits.Len64(uint64(b.UpTo-1)) {
			groups[last].UpTo = b.UpTo
			groups[last].Count += b.Count
		} else {
			groups = append(groups, b)
		}
	}
	most := int64(1)
	for _, g := range groups {
		most = max(most, g.Count)
	}
	heights := []rune("▁▂▃▄▅▆▇█")
	var parts []string
	for _, g := range groups {
		name := strconv.FormatInt(g.Above+1, 10)
		if g.UpTo > g.Above+1 {
			name += "–" + strconv.FormatInt(g.UpTo, 10)
		}
		height := heights[int64(len(heights)-1)*g.Count/most]
		parts = append(parts, fmt.Sprintf("%s %c %d", name, height, g.Count))
	}
	return strings.Join(parts, "   ")
}

// latency returns percentiles of times in µs, or what else is known of them.
func (v *Values) latency() string {
	var parts []string
	for _, p := range tablePercentiles() {
		if value, ok := v.Percentile(p); ok {
			parts = append(parts, fmt.Sprintf("p%v %7s", p, duration(value)))
		}
	}
	switch {
	case parts != nil:
		return strings.Join(parts, "   ") + "  "
	case v.Min == v.Max:
		return duration(v.Mean())
	}
	return fmt.Sprintf("%s on average (%s to %s)", duration(v.Mean()), duration(float64(v.Min)), duration(float64(v.Max)))
}

// tablePercentiles returns the percentiles that people are told.
func tablePercentiles() []float64 { return []float64{50, 95, 99} }

// times returns values without buckets that are n times as large.
func (v *Values) times(n int64) Values {
	return Values{Count: v.Count, Sum: n * v.Sum, Min: n * v.Min, Max: n * v.Max}
}

// duration returns "7.12 ms" for 7123 µs.
func duration(micros float64) string {
	switch {
	case micros < 1e3:
		return threeDigits(micros) + " µs"
	case micros < 1e6:
		return threeDigits(micros/1e3) + " ms"
	}
	return threeDigits(micros/1e6) + " s"
}

func megabytes(n float64) string { return threeDigits(n/1e6) + " MB" }

// threeDigits returns a number that is not negative with three digits that
// count, or all that it has before the point.
func threeDigits(x float64) string {
	places := 2
	switch {
	case x == 0:
		places = 0
	case x >= 1:
		places = max(2-int(math.Log10(x)), 0)
	}
	return strconv.FormatFloat(x, 'f', places, 64)
}
