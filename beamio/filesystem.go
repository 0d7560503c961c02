package beamio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local" // paths without a scheme
	"github.com/argand-go/argand/loaders"
)

// clients holds one filesystem client for each scheme. It is global for the
// sake of those that open connections, of which a process needs one pool and
// not one for each picture.
var clients struct {
	mu   sync.Mutex
	open map[string]filesystem.Interface
}

// scheme returns what stands before "://", "" for local paths.
func scheme(path string) string {
	s, _, found := strings.Cut(path, "://")
	if !found {
		return ""
	}
	return s
}

// FileSystem returns the client of the filesystem that a path is on, "" of the
// local one, "gs" or "s3". A process has one for each; closing it does nothing.
// Object stores differ from Beam's own clients in this: a name may have any
// characters, such as "#", "?" and "%", which Beam's take for those of an URL;
// "?" and "[a-z]" in a pattern work before its first "*", too; and objects that
// end in "/", which stand for folders, match no pattern. It returns an error if
// the package of the filesystem is not linked or its configuration is damaged.
func FileSystem(ctx context.Context, path string) (filesystem.Interface, error) {
	key := scheme(path)
	clients.mu.Lock()
	defer clients.mu.Unlock()
	if fs, ok := clients.open[key]; ok {
		return fs, nil
	}
	fs, err := connect(context.WithoutCancel(ctx), path) // it outlives the bundle
	if err != nil {
		return nil, err
	}
	if key == "gs" || key == "s3" {
		fs = objects{fs}
	}
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open[key] = fs
	return fs, nil
}

// connect makes a client. Beam's panic for want of a configuration.
func connect(ctx context.Context, path string) (fs filesystem.Interface, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return filesystem.New(ctx, path)
}

// ReadFile returns the content of a file of any filesystem of Beam's. Local
// files must be regular: opening a pipe or reading a device may never end. No
// more than limit bytes are read of a file; one that has more is an error.
func ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	if scheme(path) == "" {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, err
		case !info.Mode().IsRegular():
			return nil, errors.New("not a regular file")
		case info.Size() > limit:
			return nil, fmt.Errorf("too many bytes: %d, limit %d", info.Size(), limit)
		}
	}
	fs, err := FileSystem(ctx, path)
	if err != nil {
		return nil, err
	}
	r, err := fs.OpenRead(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("too many bytes: more than the limit of %d", limit)
	}
	return data, nil
}

// OpenCheckpoint opens a checkpoint on any filesystem of Beam's. Local files are
// mapped, as by loaders.Open; others, "gs://bucket/model.pth", are read once,
// from begin to end, into one aligned block of memory, and hashed on the way if
// loaders.WithSHA256 asks for it. An index of shards, as
// "s3://bucket/model.safetensors.index.json", opens the shards beside it, which
// are read so one after the other. It returns the errors of loaders.Open and of
// the filesystem.
//
// A scheme works in programs that link its filesystem: beamx links "gs", and
// importing Beam's io/filesystem/s3 adds "s3".
func OpenCheckpoint(ctx context.Context, path string, opts ...loaders.Option) (*loaders.Checkpoint, error) {
	if scheme(path) == "" {
		return loaders.Open(path, opts...)
	}
	fs, err := FileSystem(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return loaders.OpenFS(streams{ctx, fs}, path, opts...)
}

// openModel opens the checkpoint of a handler, whose SHA-256 is digits unless
// they are empty.
func openModel(ctx context.Context, path, digits string) (*loaders.Checkpoint, error) {
	if digits == "" {
		return OpenCheckpoint(ctx, path)
	}
	return OpenCheckpoint(ctx, path, loaders.WithSHA256(digits))
}

// checkDigest looks at the SHA-256 that a handler has, which may be empty.
func checkDigest(digits string) error {
	if b, err := hex.DecodeString(digits); digits != "" && (err != nil || len(b) != sha256.Size) {
		return errors.New("SHA256 must be 64 hexadecimal digits, or empty")
	}
	return nil
}
