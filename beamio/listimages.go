package beamio

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() { register.Function3x1(listedPictures) }

// maxListedName is how long the name of a picture in a list may be.
const maxListedName = 64 << 10

// ListImages returns a PCollection<[Picture]> of the pictures whose names are the
// lines of a text file, on any filesystem of Beam's, spread over workers. For
// very many pictures it is much quicker than [MatchImages], which asks the
// filesystem. Empty lines are skipped. Names are taken as they are: those without
// a scheme are local files, and those that name no picture are dead letters of
// [RunInferenceDLQ]. The job fails for a line that is not UTF-8 or has more than
// 64 KiB, and if the list cannot be read. It panics as MatchImages does.
func ListImages(s beam.Scope, list string) beam.PCollection {
	s = s.Scope("beamio.ListImages")
	filesystem.ValidateScheme(list)
	return beam.Reshuffle(s, beam.ParDo(s, listedPictures, beam.Create(s, list)))
}

// listedPictures emits what a list names, while it is read.
func listedPictures(ctx context.Context, list string, emit func(Picture)) error {
	fail := func(err error) error { return fmt.Errorf("beamio.ListImages: %s: %w", list, err) }
	fs, err := FileSystem(ctx, list)
	if err != nil {
		return fail(err)
	}
	r, err := fs.OpenRead(ctx, list)
	if err != nil {
		return fail(err)
	}
	defer r.Close()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxListedName)
	n := 0
	for lines.Scan() {
		if n++; ctx.Err() != nil {
			return ctx.Err()
		}
		name := lines.Text() // without "\r\n"
		if n == 1 {
			name = strings.TrimPrefix(name, "\uFEFF")
		}
		if !utf8.ValidString(name) {
			return fail(fmt.Errorf("line %d is not UTF-8", n))
		}
		if name != "" {
			emit(Picture{Name: name})
		}
	}
	if err := lines.Err(); err != nil {
		return fail(fmt.Errorf("line %d: %w", n+1, err))
	}
	return nil
}
