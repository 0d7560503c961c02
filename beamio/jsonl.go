package beamio

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func init() { beam.RegisterDoFn(&writeLinesFn{}) }

// WriteJSONL writes a collection of any type but KV to one file of JSON lines, in the
// order of their text: rows that begin with the name of a file are sorted by
// it. It returns a PCollection<string> with the path, once the file is there.
//
// The file is written under another name beside path and then renamed, so that
// path never names half a file; an empty collection makes an empty file.
// Filesystems that cannot rename copy and remove. The collection must be
// bounded; its windows do not matter. All lines of a file are held in memory by
// one worker, for sorting: see [WithShards] and [Unsorted]. A row that JSON cannot
// carry, with a NaN in it for instance, fails the job. It panics if the rows have
// keys, and, as [MatchImages] does, if the path is empty or the filesystem's
// package is not linked.
func WriteJSONL(s beam.Scope, path string, rows beam.PCollection, opts ...SinkOption) beam.PCollection {
	s = s.Scope("beamio.WriteJSONL")
	files := NewShards(path, opts...)
	return beam.ParDo(s, &writeLinesFn{files}, files.Group(s, rows))
}

// writeLinesFn writes the lines of a shard.
type writeLinesFn struct{ Files Shards }

// ProcessElement writes a shard to a file of its own and emits its path.
func (f *writeLinesFn) ProcessElement(
	ctx context.Context, shard int, next func(*string) bool, emit func(string),
) error {
	path, err := f.Files.Write(ctx, shard, next, func(w io.Writer, lines iter.Seq[string]) error {
		for line := range lines {
			if _, err := io.WriteString(w, line+"\n"); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("beamio.WriteJSONL: %w", err)
	}
	emit(path)
	return nil
}
