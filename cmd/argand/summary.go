package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/nn/picture"
)

// What people are shown of a large job; the files have the rest.
const (
	shownRows     = 200
	shownFailures = 20
)

// summarise prints a table of what the job has found, from the file that it wrote: a worker elsewhere may have been the
// one to find it.
func (p *pipeline) summarise(ctx context.Context, took time.Duration) error {
	path := joinPath(p.output, detectionsFile)
	found, err := readLines[beamio.Row](ctx, path)
	if err != nil {
		return err
	}
	failures, err := readLines[beamio.FailureRow](ctx, joinPath(p.output, failuresFile))
	if err != nil {
		return err
	}
	var rows []row
	objects, lines := 0, 0
	for _, f := range found {
		objects += len(f.Object)
		lines += max(len(f.Object), 1)
		if len(rows) < shownRows {
			rows = append(rows, rowsOf(f)...)
		}
	}
	if err := writeTable(p.stdout, rows[:min(len(rows), shownRows)]); err != nil {
		return err
	}
	if lines > shownRows {
		fmt.Fprintf(p.stdout, "… and %d more in %s\n", lines-shownRows, path)
	}
	for i, f := range failures {
		if i == shownFailures {
			fmt.Fprintf(p.stderr, "argand: … and %d more in %s\n", len(failures)-i, joinPath(p.output, failuresFile))
			break
		}
		fmt.Fprintf(p.stderr, "argand: %s: %s: %s\n", printable(f.File), f.Stage, oneLine(f.Error))
	}
	if len(failures) == 0 {
		p.dropEmpty(ctx, joinPath(p.output, failuresFile))
	}
	_, err = fmt.Fprintf(p.stdout, "\n%s, %s, %s in %.1f s; results are in %s\n",
		count(len(found)+len(failures), "picture"), count(objects, "object"), count(len(failures), "failure"),
		took.Seconds(), p.output)
	return err
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
		if len(o.Mask.Size) == 2 {
			rle := picture.RLE{H: o.Mask.Size[0], W: o.Mask.Size[1], Counts: o.Mask.Counts}
			if mask, err := rle.Decode(); err == nil {
				r.area = mask.Area()
			}
		}
		rows = append(rows, r)
	}
	return rows
}

// readLines reads a file of JSON lines.
func readLines[T any](ctx context.Context, path string) ([]T, error) {
	fs, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return nil, err
	}
	data, err := filesystem.Read(ctx, fs, path)
	if err != nil {
		return nil, err
	}
	var all []T
	for line := range bytes.Lines(data) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(all)+1, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// dropEmpty removes the file of failures that holds none. It stays if the file system cannot remove.
func (p *pipeline) dropEmpty(ctx context.Context, path string) {
	fs, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return
	}
	if r, ok := fs.(filesystem.Remover); ok {
		_ = r.Remove(ctx, path)
	}
}
