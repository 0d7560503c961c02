package beamio

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	register.Function2x1(lineOf)
	register.Function2x0(noLine)
	register.DoFn4x1[context.Context, int, func(*string) bool, func(string), error](&writeLinesFn{})
	register.Emitter1[string]()
	register.Emitter2[int, string]()
	register.Iter1[string]()
}

// WriteJSONL writes a collection of any type to one file of JSON lines, in the
// order of their text: rows that begin with the name of a file are sorted by
// it. It returns a PCollection<string> with the path, once the file is there.
//
// The file is written under another name beside path and then renamed, so that
// path never names half a file; an empty collection makes an empty file.
// Filesystems that cannot rename copy and remove. The collection must be
// bounded; its windows do not matter. All lines are held in memory by one
// worker: it is meant for rows, not for pictures. It panics if the path is empty
// or the filesystem's package is not linked, as [MatchImages] does.
func WriteJSONL(s beam.Scope, path string, rows beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.WriteJSONL")
	filesystem.ValidateScheme(path)
	lines := beam.ParDo(s, lineOf, beam.WindowInto(s, window.NewGlobalWindows(), rows))
	// A group there must be, or nothing is written for an empty collection.
	always := beam.ParDo(s, noLine, beam.Impulse(s))
	groups := beam.GroupByKey(s, beam.Flatten(s, lines, always))
	return beam.ParDo(s, &writeLinesFn{path}, groups)
}

// lineOf keys everything alike, for one writer.
func lineOf(row beam.X, emit func(int, string)) error {
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("beamio.WriteJSONL: %T: %w", row, err)
	}
	emit(0, string(data))
	return nil
}

func noLine(_ []byte, emit func(int, string)) { emit(0, "") }

// writeLinesFn writes all lines at once.
type writeLinesFn struct{ Path string }

// ProcessElement gathers the lines, writes them to a file of its own and gives
// it the name. A second attempt does the same again.
func (f *writeLinesFn) ProcessElement(
	ctx context.Context, _ int, next func(*string) bool, emit func(string),
) error {
	var lines []string
	for line := ""; next(&line); {
		if line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	if err := writeFile(ctx, f.Path, lines); err != nil {
		return fmt.Errorf("beamio.WriteJSONL: %s: %w", f.Path, err)
	}
	emit(f.Path)
	return nil
}

// writeFile writes lines to a temporary name and renames it to path.
func writeFile(ctx context.Context, path string, lines []string) (err error) {
	fs, err := FileSystem(ctx, path)
	if err != nil {
		return err
	}
	temporary := path + ".tmp-" + rand.Text()
	w, err := fs.OpenWrite(ctx, temporary)
	if err != nil {
		return err
	}
	defer func() {
		if r, ok := fs.(filesystem.Remover); ok && err != nil {
			_ = r.Remove(context.WithoutCancel(ctx), temporary) // err tells more
		}
	}()
	b := bufio.NewWriter(w)
	for _, line := range lines {
		b.WriteString(line) // b keeps the first error for Flush
		b.WriteByte('\n')
	}
	if err := b.Flush(); err != nil {
		_ = w.Close()
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return filesystem.Rename(ctx, fs, temporary, path)
}
