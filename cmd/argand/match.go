package main

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/argand-go/argand/beamio"
)

func init() {
	register.Function3x1(matchPictures)
	register.Emitter1[beamio.Picture]()
}

// matchFiles returns the files of any of Beam's file systems that match a pattern, less what earlier runs have written
// beside them: overlays of others of the files, and the job's own JSON lines.
func matchFiles(ctx context.Context, glob string) ([]string, error) {
	fs, err := beamio.FileSystem(ctx, glob)
	if err != nil {
		return nil, err
	}
	files, err := fs.List(ctx, glob)
	if err != nil {
		return nil, fmt.Errorf("--input %s: %w", glob, err)
	}
	files = slices.DeleteFunc(withoutOverlays(files), func(f string) bool {
		return isResult(path.Base(filepath.ToSlash(f)))
	})
	if len(files) == 0 {
		return nil, fmt.Errorf("--input %s: no file matches", glob)
	}
	return files, nil
}

// isResult reports whether a file is one that a job writes rows to, by its name.
func isResult(base string) bool { return resultName.MatchString(base) }

var resultName = regexp.MustCompile(`^(detections|failures)(-\d{5}-of-\d{5})?\.(jsonl|parquet)$`)

// matchPictures emits what matchFiles finds. Which file is an overlay shows only beside all others, so that it cannot
// be told by a filter behind beamio.MatchImages.
func matchPictures(ctx context.Context, glob string, emit func(beamio.Picture)) error {
	files, err := matchFiles(ctx, glob)
	for _, f := range files {
		emit(beamio.Picture{Name: f})
	}
	return err
}
