package beamio

import (
	"context"
	"fmt"
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

// fileSystem returns the process's client for a path.
func fileSystem(ctx context.Context, path string) (filesystem.Interface, error) {
	key := scheme(path)
	clients.mu.Lock()
	defer clients.mu.Unlock()
	if fs, ok := clients.open[key]; ok {
		return fs, nil
	}
	fs, err := filesystem.New(context.WithoutCancel(ctx), path) // it outlives the bundle
	if err != nil {
		return nil, err
	}
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open[key] = fs
	return fs, nil
}

// readFile returns the content of a file of any filesystem of Beam's.
func readFile(ctx context.Context, path string) ([]byte, error) {
	fs, err := fileSystem(ctx, path)
	if err != nil {
		return nil, err
	}
	return filesystem.Read(ctx, fs, path)
}

// openCheckpoint opens a checkpoint: local files are mapped, others are read
// into memory in one piece.
func openCheckpoint(ctx context.Context, path string) (*loaders.Checkpoint, error) {
	if scheme(path) == "" {
		return loaders.Open(path)
	}
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return loaders.OpenBytes(data, path)
}

// readNames reads the names of classes, one a line. Empty lines at the end do
// not count.
func readNames(ctx context.Context, path string) ([]string, error) {
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text := strings.TrimRight(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if text == "" {
		return nil, fmt.Errorf("%s: no names", path)
	}
	return strings.Split(text, "\n"), nil
}
