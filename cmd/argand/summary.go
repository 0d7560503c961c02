package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/picture"
)

// What people are shown of a large job; the files have the rest.
const (
	shownRows     = 200
	shownFailures = 20
)

// A counter of our own says how many objects were found: the rows may be where they are hard to count.
const (
	metricsNamespace = "argand"
	objectsCounter   = "objects"
)

// found is what a job has found.
type found struct {
	pictures, objects int
	rows              []row // some of the objects
	lines             int   // of a table of all
	failures          []beamio.FailureRow
	failed            int
}

// summarise prints a table of what the job has found and how it went, from the files that it wrote and from its
// metrics: a worker elsewhere may have been the one to find it. There are no files to read if they are on that worker's
// disk or the results in a table.
func (p *pipeline) summarise(ctx context.Context, result beam.PipelineResult, took time.Duration) error {
	all, err := p.collect(ctx)
	unread := p.table != "" || errors.Is(err, fs.ErrNotExist) && !runsHere()
	switch {
	case unread:
		all = &found{}
	case err != nil:
		return err
	default:
		if err := p.show(ctx, all); err != nil {
			return err
		}
	}
	stats, told := beamio.StatsOf(result, nil)
	if told {
		fmt.Fprint(p.stdout, stats.Table("picture", took), p.kernels(), "\n")
	} else {
		stats = nil
	}
	if told && unread {
		all.pictures, all.failed, all.objects = int(stats.Inferences), int(stats.FailedExamples), objectsOf(result)
	}
	if told || !unread {
		fmt.Fprintf(p.stdout, "%s, %s, %s in %.1f s; ", count(all.pictures+all.failed, "picture"),
			count(all.objects, "object"), count(all.failed, "failure"), took.Seconds())
	}
	if _, err := fmt.Fprintf(p.stdout, "results are in %s\n", p.results()); err != nil || p.summary == "" {
		return err
	}
	return p.writeFigures(ctx, all, stats, took)
}

// objectsOf returns how many objects a job counted that has metrics.
func objectsOf(result beam.PipelineResult) (n int) {
	objects := result.Metrics().Query(func(m beam.MetricResult) bool {
		return m.Namespace() == metricsNamespace && m.Name() == objectsCounter
	})
	for _, c := range objects.Counters() {
		n += int(c.Result())
	}
	return n
}

// show prints some of the objects and of the failures.
func (p *pipeline) show(ctx context.Context, all *found) error {
	if err := writeTable(p.stdout, all.rows); err != nil {
		return err
	}
	if more := all.lines - len(all.rows); more > 0 {
		fmt.Fprintf(p.stdout, "… and %d more in %s\n", more, p.detections())
	}
	failures := joinPath(p.output, failuresFile)
	for _, f := range all.failures {
		fmt.Fprintf(p.stderr, "argand: %s: %s: %s\n", printable(f.File), f.Stage, oneLine(f.Error))
	}
	if more := all.failed - len(all.failures); more > 0 {
		fmt.Fprintf(p.stderr, "argand: … and %d more in %s\n", more, failures)
	}
	if all.failed == 0 {
		p.dropEmpty(ctx, failures)
	}
	_, err := fmt.Fprintln(p.stdout)
	return err
}

// runsHere reports whether workers are on this machine, as far as the name of the runner tells.
func runsHere() bool {
	return slices.Contains([]string{"", "prism", "PrismRunner", "direct", "DirectRunner"}, *runners.Runner)
}

// kernels returns what computed, if it was this machine's, as far as is known.
func (p *pipeline) kernels() string {
	switch {
	case p.on != "":
		return fmt.Sprintf("%-11s %s, %v\n", "device", p.on, p.device.precision)
	case !runsHere() || !p.device.isCPU():
		return ""
	}
	threads := p.threads
	if most := runtime.GOMAXPROCS(0); threads == 0 || threads > most {
		threads = most
	}
	return fmt.Sprintf("%-11s %s, %s\n", "kernels", kernels.CPU().Name(), count(threads, "thread"))
}

// collect reads what a job has found.
func (p *pipeline) collect(ctx context.Context) (*found, error) {
	all := &found{}
	if p.table != "" {
		return all, nil
	}
	if path, ok := p.unchanged(); ok {
		return nil, fmt.Errorf("%s is of an earlier job: %w", path, fs.ErrNotExist)
	}
	each := eachLine[beamio.Row]
	if p.format == formatParquet {
		each = eachParquet
	}
	for _, path := range p.detectionFiles() {
		if err := each(ctx, path, all.add); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all.rows, func(a, b row) int { return cmp.Compare(a.file, b.file) }) // over shards
	err := eachLine(ctx, joinPath(p.output, failuresFile), func(f beamio.FailureRow) {
		if all.failed++; all.failed <= shownFailures {
			all.failures = append(all.failures, f)
		}
	})
	if errors.Is(err, fs.ErrNotExist) && runsHere() { // another job with this output has dropped an empty one
		err = nil
	}
	return all, err
}

// add takes in the row of a picture.
func (f *found) add(r beamio.Row) {
	f.pictures++
	f.objects += len(r.Object)
	f.lines += max(len(r.Object), 1)
	if room := shownRows - len(f.rows); room > 0 {
		rows := rowsOf(r)
		f.rows = append(f.rows, rows[:min(len(rows), room)]...)
	}
}

// count returns "1 picture" or "2 pictures".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// rowsOf returns the lines of the table for one picture.
func rowsOf(f beamio.Row) []row {
	if len(f.Object) == 0 {
		return []row{{file: f.File}}
	}
	var rows []row
	for _, o := range f.Object {
		r := row{file: f.File, found: true, name: o.Label, score: float64(o.Score), area: -1}
		for i := range min(len(o.Box), len(r.box)) {
			r.box[i] = float64(o.Box[i])
		}
		if o.Mask != nil && len(o.Mask.Size) == 2 {
			rle := picture.RLE{H: o.Mask.Size[0], W: o.Mask.Size[1], Counts: o.Mask.Counts}
			if mask, err := rle.Decode(); err == nil {
				r.area = mask.Area()
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// dropEmpty removes the file of failures that holds none. It stays if the file system cannot remove.
func (p *pipeline) dropEmpty(ctx context.Context, path string) {
	files, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return
	}
	if r, ok := files.(filesystem.Remover); ok {
		_ = r.Remove(ctx, path)
	}
}
