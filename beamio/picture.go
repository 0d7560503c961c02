package beamio

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/argand-go/argand/nn/picture"
)

func init() {
	registerRow(reflect.TypeFor[Picture]())
	register.Function3x1(listPictures)
	register.Emitter1[Picture]()
}

// Picture is a picture by name, or its bytes, still compressed: what a
// collection of pictures holds. Pixels never cross from stage to stage.
type Picture struct {
	// Name is a path on any filesystem of Beam's, or, with Data, any name.
	Name string `json:"name"`
	// Data is the content of a JPEG, PNG, GIF, WebP, BMP or TIFF file. If it is
	// nil the file is read when the picture is wanted.
	Data []byte `json:"data,omitempty"`
}

// String returns the picture's name.
func (p Picture) String() string { return p.Name }

// MatchImages returns a PCollection<[Picture]> of the names of the files that
// match glob, on any filesystem of Beam's, spread over workers. No file is
// opened for it. The job fails if nothing matches a glob without "*". It panics
// if the glob is empty or the filesystem's package is not linked; import
// io/filesystem/s3 of Beam's for s3://, for instance.
func MatchImages(s beam.Scope, glob string) beam.PCollection {
	s = s.Scope("beamio.MatchImages")
	filesystem.ValidateScheme(glob)
	return beam.Reshuffle(s, beam.ParDo(s, listPictures, beam.Create(s, glob)))
}

// listPictures emits what matches a glob. Beam's own fileio.MatchFiles opens
// every local file for its size, and so waits at pipes.
func listPictures(ctx context.Context, glob string, emit func(Picture)) error {
	fs, err := FileSystem(ctx, glob)
	if err != nil {
		return fmt.Errorf("beamio.MatchImages: %s: %w", glob, err)
	}
	files, err := fs.List(ctx, glob)
	if err != nil {
		return fmt.Errorf("beamio.MatchImages: %s: %w", glob, err)
	}
	if len(files) == 0 && !strings.Contains(glob, "*") {
		return fmt.Errorf("beamio.MatchImages: no file matches %q", glob)
	}
	for _, file := range files {
		emit(Picture{Name: file})
	}
	return nil
}

// Decode reads the file, unless there is Data, and decodes it. EXIF orientation
// is ignored, as torchvision does. Files that are local and not regular, such as
// pipes, and those of more than picture.DefaultMaxBytes are not read. Its errors
// are [*StageError], of [StageRead] or [StageDecode].
func (p Picture) Decode(ctx context.Context) (*picture.RGB, error) {
	data := p.Data
	if len(data) == 0 {
		if p.Name == "" {
			return nil, AtStage(StageRead, errors.New("a picture without name and data"))
		}
		var err error
		if data, err = ReadFile(ctx, p.Name, picture.DefaultMaxBytes); err != nil {
			return nil, AtStage(StageRead, err)
		}
	}
	rgb, err := picture.Decode(data, picture.DecodeOptions{})
	return rgb, AtStage(StageDecode, err)
}
