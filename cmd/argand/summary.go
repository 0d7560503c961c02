package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// summarise prints a table of what the job has found and how it went, from the files that it wrote and from its metrics:
// a worker elsewhere may have been the one to find it.
func (p *pipeline) summarise(ctx context.Context, result beam.PipelineResult, took time.Duration) error {
	all, err := p.collect(ctx)
	if err != nil {
		return err
	}
	if err := writeTable(p.stdout, all.rows); err != nil {
		return err
	}
	if more := all.lines - len(all.rows); more > 0 {
		fmt.Fprintf(p.stdout, "… and %d more in %s\n", more, p.detections())
	}
	for _, f := range all.failures {
		fmt.Fprintf(p.stderr, "argand: %s: %s: %s\n", printable(f.File), f.Stage, oneLine(f.Error))
	}
	if more := all.failed - len(all.failures); more > 0 {
		fmt.Fprintf(p.stderr, "argand: … and %d more in %s\n", more, joinPath(p.output, failuresFile))
	}
	if all.failed == 0 {
		p.dropEmpty(ctx, joinPath(p.output, failuresFile))
	}
	fmt.Fprintln(p.stdout)
	stats, told := beamio.StatsOf(result, nil)
	if told {
		fmt.Fprint(p.stdout, stats.Table("picture", took), p.kernels(), "\n")
	} else {
		stats = nil
	}
	_, err = fmt.Fprintf(p.stdout, "%s, %s, %s in %.1f s; results are in %s\n",
		count(all.pictures+all.failed, "picture"), count(all.objects, "object"), count(all.failed, "failure"),
		took.Seconds(), p.output)
	if err == nil && p.summary != "" {
		err = p.writeFigures(ctx, all, stats, took)
	}
	return err
}

// kernels returns what computed, if it was this machine.
func (p *pipeline) kernels() string {
	switch *runners.Runner {
	case "", "prism", "PrismRunner", "direct", "DirectRunner":
	default:
		return ""
	}
	threads := p.threads
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return fmt.Sprintf("%-11s %s, %s\n", "kernels", kernels.CPU().Name(), count(threads, "thread"))
}

// collect reads what a job has found.
func (p *pipeline) collect(ctx context.Context) (*found, error) {
	all := &found{}
	for _, path := range p.detectionFiles() {
		err := eachLine(ctx, path, func(r beamio.Row) {
			all.pictures++
			all.objects += len(r.Object)
			all.lines += max(len(r.Object), 1)
			if room := shownRows - len(all.rows); room > 0 {
				rows := rowsOf(r)
				all.rows = append(all.rows, rows[:min(len(rows), room)]...)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(all.rows, func(a, b row) int { return cmp.Compare(a.file, b.file) }) // over shards
	return all, eachLine(ctx, joinPath(p.output, failuresFile), func(f beamio.FailureRow) {
		if all.failed++; all.failed <= shownFailures {
			all.failures = append(all.failures, f)
		}
	})
}

// detections returns where the detections are, for people.
func (p *pipeline) detections() string {
	files := p.detectionFiles()
	if len(files) == 1 {
		return files[0]
	}
	return fmt.Sprintf("%s and %d others", files[0], len(files)-1)
}

// detectionFiles returns the files that the job writes its detections to.
func (p *pipeline) detectionFiles() []string {
	if p.shards == 1 {
		return []string{joinPath(p.output, detectionsFile)}
	}
	var files []string
	for i := range p.shards {
		files = append(files, joinPath(p.output, fmt.Sprintf("detections-%05d-of-%05d.jsonl", i, p.shards)))
	}
	return files
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

// eachLine calls do for each line of a file of JSON lines, which may be larger than memory.
func eachLine[T any](ctx context.Context, path string, do func(T)) error {
	files, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return err
	}
	r, err := files.OpenRead(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(line) == 0 {
			return nil
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		do(v)
	}
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
