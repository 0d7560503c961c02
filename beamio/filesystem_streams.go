package beamio

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// streams shows loaders.OpenFS the files of a filesystem of Beam's by their full
// paths, for an index of shards and what is beside it.
type streams struct {
	ctx  context.Context
	beam filesystem.Interface
}

// Stat asks nobody: what is no file is told by opening it.
func (s streams) Stat(name string) (fs.FileInfo, error) { return streamInfo{name, -1}, nil }

// Open implements [fs.FS], but for names that are paths of Beam's.
func (s streams) Open(name string) (fs.File, error) {
	r, err := s.beam.OpenRead(s.ctx, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &stream{r, s, name}, nil
}

// A stream is a file that is read from begin to end.
type stream struct {
	io.ReadCloser
	from streams
	name string
}

// Stat tells how long the file is, if anybody knows.
func (s *stream) Stat() (fs.FileInfo, error) {
	if r, ok := s.ReadCloser.(interface{ Size() int64 }); ok { // of gs://, which heard it on opening
		return streamInfo{s.name, r.Size()}, nil
	}
	size, err := s.from.beam.Size(s.from.ctx, s.name)
	return streamInfo{s.name, size}, err
}

// streamInfo is what is known of a file.
type streamInfo struct {
	name string
	size int64 // -1 if unknown
}

func (i streamInfo) Name() string       { return path.Base(i.name) }
func (i streamInfo) Size() int64        { return i.size }
func (i streamInfo) Mode() fs.FileMode  { return 0o444 }
func (i streamInfo) ModTime() time.Time { return time.Time{} }
func (i streamInfo) IsDir() bool        { return false }
func (i streamInfo) Sys() any           { return nil }
