package beamio

import (
	"context"
	"errors"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/argand-go/argand/nn/picture"
)

func init() {
	beam.RegisterType(reflect.TypeFor[Picture]())
	register.Function2x1(pictureOf)
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
// match glob, on any filesystem of Beam's, spread over workers. It panics if
// the glob is empty or the filesystem's package is not linked; import
// io/filesystem/s3 of Beam's for s3://, for instance.
func MatchImages(s beam.Scope, glob string) beam.PCollection {
	s = s.Scope("beamio.MatchImages")
	files := fileio.MatchFiles(s, glob)
	return beam.Reshuffle(s, beam.ParDo(s, pictureOf, files))
}

func pictureOf(_ context.Context, f fileio.FileMetadata) Picture { return Picture{Name: f.Path} }

// Decode reads the file, unless there is Data, and decodes it. EXIF orientation
// is ignored, as torchvision does. Its errors are [*StageError], of
// [StageRead] or [StageDecode].
func (p Picture) Decode(ctx context.Context) (*picture.RGB, error) {
	data := p.Data
	if len(data) == 0 {
		if p.Name == "" {
			return nil, AtStage(StageRead, errors.New("a picture without name and data"))
		}
		var err error
		if data, err = readFile(ctx, p.Name); err != nil {
			return nil, AtStage(StageRead, err)
		}
	}
	rgb, err := picture.Decode(data, picture.DecodeOptions{})
	return rgb, AtStage(StageDecode, err)
}
