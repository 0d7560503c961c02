package beamio

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterDoFn(&lineFn{})
	beam.RegisterDoFn(&noLineFn{})
	beam.RegisterDoFn(&writeLinesFn{})
	register.Emitter1[string]()
	register.Emitter2[int, string]()
	register.Iter1[string]()
}

// A SinkOption changes how [WriteJSONL] writes.
type SinkOption func(*writeLinesFn)

// WithShards writes n files at once, on as many workers: rows.jsonl becomes
// rows-00000-of-00008.jsonl and so on. A row's text decides which of them it is
// in, so that a second run writes the same files. The default is 1, the file
// itself. It panics unless 1 ≤ n ≤ 100,000.
func WithShards(n int) SinkOption {
	if n < 1 || n > 100_000 {
		panic(fmt.Sprintf("beamio.WithShards(%d): want 1 to 100,000", n))
	}
	return func(f *writeLinesFn) { f.Shards = n }
}

// Unsorted writes lines as they come, in any order, and holds none of them in
// memory.
func Unsorted() SinkOption { return func(f *writeLinesFn) { f.Unsorted = true } }

// WriteJSONL writes a collection of any type to one file of JSON lines, in the
// order of their text: rows that begin with the name of a file are sorted by
// it. It returns a PCollection<string> with the path, once the file is there.
//
// The file is written under another name beside path and then renamed, so that
// path never names half a file; an empty collection makes an empty file.
// Filesystems that cannot rename copy and remove. The collection must be
// bounded; its windows do not matter. All lines of a file are held in memory by
// one worker, for sorting: see [WithShards] and [Unsorted]. It panics if the path
// is empty or the filesystem's package is not linked, as [MatchImages] does.
func WriteJSONL(s beam.Scope, path string, rows beam.PCollection, opts ...SinkOption) beam.PCollection {
	s = s.Scope("beamio.WriteJSONL")
	filesystem.ValidateScheme(path)
	sink := &writeLinesFn{Path: path, Shards: 1}
	for _, o := range opts {
		o(sink)
	}
	lines := beam.ParDo(s, &lineFn{sink.Shards}, beam.WindowInto(s, window.NewGlobalWindows(), rows))
	// Groups there must be, or nothing is written for an empty collection.
	always := beam.ParDo(s, &noLineFn{sink.Shards}, beam.Impulse(s))
	groups := beam.GroupByKey(s, beam.Flatten(s, lines, always))
	return beam.ParDo(s, sink, groups)
}

// lineFn makes lines of rows, keyed by the number of their shard.
type lineFn struct{ Shards int }

// ProcessElement emits the line of a row.
func (f *lineFn) ProcessElement(row beam.X, emit func(int, string)) error {
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("beamio.WriteJSONL: %T: %w", row, err)
	}
	hash := fnv.New32a()
	hash.Write(data) // never fails
	emit(int(hash.Sum32()%uint32(f.Shards)), string(data))
	return nil
}

// noLineFn makes an empty line, which is not written, for every shard.
type noLineFn struct{ Shards int }

// ProcessElement emits them.
func (f *noLineFn) ProcessElement(_ []byte, emit func(int, string)) {
	for shard := range f.Shards {
		emit(shard, "")
	}
}

// writeLinesFn writes the lines of a shard.
type writeLinesFn struct {
	Path     string
	Shards   int
	Unsorted bool
}

// ProcessElement writes a shard to a file of its own and gives it the name. A
// second attempt does the same again.
func (f *writeLinesFn) ProcessElement(
	ctx context.Context, shard int, next func(*string) bool, emit func(string),
) error {
	path := shardName(f.Path, shard, f.Shards)
	err := writeFile(ctx, path, func(w *bufio.Writer) error {
		var lines []string
		for line := ""; next(&line); {
			switch {
			case line == "":
			case f.Unsorted:
				w.WriteString(line) // w keeps the first error
				if err := w.WriteByte('\n'); err != nil {
					return err
				}
			default:
				lines = append(lines, line)
			}
		}
		slices.Sort(lines)
		for _, line := range lines {
			w.WriteString(line)
			w.WriteByte('\n')
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("beamio.WriteJSONL: %s: %w", path, err)
	}
	emit(path)
	return nil
}

// shardName returns the name of a shard: path itself if there is only one.
func shardName(path string, shard, shards int) string {
	if shards == 1 {
		return path
	}
	begin := strings.LastIndexByte(path, '/') + 1
	extension := len(path)
	if dot := strings.LastIndexByte(path[begin:], '.'); dot > 0 {
		extension = begin + dot
	}
	return fmt.Sprintf("%s-%05d-of-%05d%s", path[:extension], shard, shards, path[extension:])
}

// writeFile has a file written under a temporary name and renames it to path.
func writeFile(ctx context.Context, path string, write func(*bufio.Writer) error) error {
	fs, err := FileSystem(ctx, path)
	if err != nil {
		return err
	}
	temporary := path + ".tmp-" + rand.Text()
	w, err := fs.OpenWrite(ctx, temporary)
	if err != nil {
		return err
	}
	written, closed := false, false
	defer func() { // even if write panics, as Beam's iterators do
		if !closed {
			_ = w.Close() // what happened before tells more
		}
		if r, ok := fs.(filesystem.Remover); ok && !written {
			_ = r.Remove(context.WithoutCancel(ctx), temporary)
		}
	}()
	b := bufio.NewWriter(w)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil { // which returns the first error of all writes
		return err
	}
	closed = true
	if err := w.Close(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err = filesystem.Rename(ctx, fs, temporary, path)
	written = err == nil
	return err
}
