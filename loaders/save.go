package loaders

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// SaveTorch writes t to the file at path with [WriteTorch]. A file of that
// name is replaced once everything is on disk: it has either its old content
// or all of the new one, and t may be a [*Checkpoint] of it. It returns a
// [*WriteError], and leaves nothing behind then.
func SaveTorch(path string, t Tensors) error { return save(path, t, WriteTorch) }

// SaveSafetensors writes t to the file at path with [WriteSafetensors], in the
// manner of [SaveTorch].
func SaveSafetensors(path string, t Tensors) error { return save(path, t, WriteSafetensors) }

// save writes a file under a temporary name in the directory of path, so that
// renaming it is one step of the file system.
func save(path string, t Tensors, write func(io.Writer, Tensors) error) error {
	f, err := createBeside(path)
	if err != nil {
		return &WriteError{Name: path, Err: err}
	}
	done := false
	defer func() {
		if !done { // also when t panics
			f.Close()
			os.Remove(f.Name())
		}
	}()
	b := bufio.NewWriterSize(f, 64<<10)
	if err := write(b, t); err != nil {
		if e := (*WriteError)(nil); errors.As(err, &e) {
			return &WriteError{path, e.Key, e.Msg, e.Err}
		}
		return &WriteError{Name: path, Err: err}
	}
	for _, step := range []func() error{b.Flush, f.Sync, f.Close,
		func() error { return os.Rename(f.Name(), path) }} {
		if err := step(); err != nil {
			return &WriteError{Name: path, Err: err}
		}
	}
	done = true
	return nil
}

// createBeside creates a new file in the directory of path. Unlike
// [os.CreateTemp] it gives the file the permissions of any new file.
func createBeside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		name := dir + "." + base + "." + strconv.FormatUint(uint64(rand.Uint32()), 36) + ".tmp"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) && try < 100 {
			continue
		}
		return f, err
	}
}
