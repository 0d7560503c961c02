package beamio

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"iter"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterDoFn(&lineFn{})
	beam.RegisterDoFn(&noLineFn{})
	register.Emitter1[string]()
	register.Emitter2[int, string]()
	register.Iter1[string]()
}

// A SinkOption changes how [WriteJSONL] and other sinks write files of rows.
type SinkOption func(*Shards)

// WithShards writes n files at once, on as many workers: rows.jsonl becomes
// rows-00000-of-00008.jsonl and so on. A row's text decides which of them it is
// in, so that a second run writes the same files. The default is 1, the file
// itself. It panics unless 1 ≤ n ≤ 100,000.
func WithShards(n int) SinkOption {
	if n < 1 || n > 100_000 {
		panic(fmt.Sprintf("beamio.WithShards(%d): want 1 to 100,000", n))
	}
	return func(f *Shards) { f.Count = n }
}

// Unsorted writes rows as they come, in any order, and holds none of them in
// memory.
func Unsorted() SinkOption { return func(f *Shards) { f.Unsorted = true } }

// Shards are the files of a sink of rows. It is for packages that write a format
// of their own: a DoFn of theirs has it as a field, takes what [Shards.Group]
// makes, and calls [Shards.Write]. Make it with [NewShards].
type Shards struct {
	Path     string // of the file if there is one shard; the others are called after it
	Count    int    // of files
	Unsorted bool   // as the option
}

// NewShards returns the files at path, on any filesystem of Beam's. It panics if
// the path is empty or the filesystem's package is not linked.
func NewShards(path string, opts ...SinkOption) Shards {
	filesystem.ValidateScheme(path)
	f := Shards{Path: path, Count: 1}
	for _, o := range opts {
		o(&f)
	}
	return f
}

// Paths returns the paths of all files, in the order of their numbers.
func (f Shards) Paths() []string {
	paths := make([]string, f.Count)
	for i := range paths {
		paths[i] = shardName(f.Path, i, f.Count)
	}
	return paths
}

// Group divides a bounded collection of any type but KV into shards: KV<int,
// string>, grouped, the number of a shard and the rows in it as JSON. Every shard
// is there, if only with an empty string, which is no row. The windows of rows do
// not matter. It panics if the rows have keys.
func (f Shards) Group(s beam.Scope, rows beam.PCollection) beam.PCollection {
	if rows.Type().Class() == typex.Composite {
		panic(fmt.Sprintf("beamio: the collection for %s holds %v; want rows without a key", f.Path, rows.Type()))
	}
	lines := beam.ParDo(s, &lineFn{f.Count}, beam.WindowInto(s, window.NewGlobalWindows(), rows))
	// Groups there must be, or nothing is written for an empty collection.
	always := beam.ParDo(s, &noLineFn{f.Count}, beam.Impulse(s))
	return beam.GroupByKey(s, beam.Flatten(s, lines, always))
}

// lineFn makes lines of rows, keyed by the number of their shard.
type lineFn struct{ Shards int }

// ProcessElement emits the line of a row.
func (f *lineFn) ProcessElement(row beam.X, emit func(int, string)) error {
	data, err := json.Marshal(row)
	if err != nil { // NaN, for instance
		return fmt.Errorf("%T as JSON: %w: %s", row, err, start(fmt.Sprintf("%+v", row)))
	}
	hash := fnv.New32a()
	hash.Write(data) // never fails
	emit(int(hash.Sum32()%uint32(f.Shards)), string(data))
	return nil
}

// start returns how the text of a row begins, for people to know it.
func start(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// noLineFn makes an empty line, which is not written, for every shard.
type noLineFn struct{ Shards int }

// ProcessElement emits them.
func (f *noLineFn) ProcessElement(_ []byte, emit func(int, string)) {
	for shard := range f.Shards {
		emit(shard, "")
	}
}

// Write has a shard of those that [Shards.Group] makes written and returns its
// path. What write gets are the rows as JSON, in the order of their text unless
// they are Unsorted. The file is made as by [WriteFile], so that a second attempt
// does the same again.
func (f Shards) Write(
	ctx context.Context, shard int, next func(*string) bool, write func(w io.Writer, rows iter.Seq[string]) error,
) (path string, err error) {
	path = shardName(f.Path, shard, f.Count)
	rows := func(yield func(string) bool) {
		for line := ""; next(&line); {
			if line != "" && !yield(line) {
				return
			}
		}
	}
	return path, WriteFile(ctx, path, func(w io.Writer) error {
		if f.Unsorted {
			return write(w, rows)
		}
		return write(w, slices.Values(slices.Sorted(rows)))
	})
}

// shardName returns the name of a shard: path itself if there is only one.
func shardName(path string, shard, shards int) string {
	if shards == 1 {
		return path
	}
	begin := strings.LastIndexByte(path, '/') + 1
	if scheme(path) == "" { // Windows has another separator
		directory, _ := filepath.Split(path)
		begin = len(directory)
	}
	extension := len(path)
	if dot := strings.LastIndexByte(path[begin:], '.'); dot > 0 {
		extension = begin + dot
	}
	return fmt.Sprintf("%s-%05d-of-%05d%s", path[:extension], shard, shards, path[extension:])
}

// WriteFile has a file of any filesystem of Beam's written under a temporary
// name beside path and then renamed to it, so that path never names half a file.
// Filesystems that cannot rename copy and remove. What write writes is buffered.
// After an error, or if ctx ends before the file is written, the temporary file
// is removed. It returns the errors of write and of the filesystem, with the path.
func WriteFile(ctx context.Context, path string, write func(io.Writer) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}()
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
