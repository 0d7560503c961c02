package main

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/argand-go/argand/nn/picture"
)

// writing is held for reading while a file is written, and by main before it exits: workers of an interrupted job in
// this process may still be about to write.
var writing sync.RWMutex

// writeFile makes the file at path with what write writes. The file appears whole and on disk, or not at all: it is
// written under a temporary name in the same directory, which is made if need be, and then renamed. A file that it
// replaces leaves it its permissions; a new one has those of any new file.
func writeFile(path string, write func(io.Writer) error) error {
	writing.RLock()
	defer writing.RUnlock()
	o, err := createFile(path)
	if err != nil {
		return err
	}
	defer o.drop()
	if err := write(o); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return o.commit()
}

// An outFile is a file on its way, as writeFile has it, for those who write bit by bit.
type outFile struct {
	*bufio.Writer
	path string
	file *os.File // nil once it is committed or dropped
}

// createFile begins the file at path.
func createFile(path string) (*outFile, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, err
	}
	f, err := createBeside(path)
	if err != nil {
		return nil, err
	}
	return &outFile{bufio.NewWriter(f), path, f}, nil
}

// commit makes the file appear.
func (o *outFile) commit() error {
	rename := func() error { return os.Rename(o.file.Name(), o.path) }
	for _, step := range []func() error{o.Flush, o.file.Sync, o.file.Close, rename} {
		if err := step(); err != nil {
			o.drop()
			return fmt.Errorf("writing %s: %w", o.path, err)
		}
	}
	o.file = nil
	return nil
}

// drop removes what was not committed.
func (o *outFile) drop() {
	if o.file != nil {
		o.file.Close()
		os.Remove(o.file.Name())
		o.file = nil
	}
}

// createBeside creates a new file in the directory of path, with the permissions of the file there if there is one. A
// device, pipe or directory there is refused: the new file would take its place.
func createBeside(path string) (*os.File, error) {
	mode := fs.FileMode(0o666) // less the umask
	old, err := os.Stat(path)
	replaces := err == nil
	if replaces && !old.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	if replaces {
		mode = old.Mode().Perm()
	}
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		name := dir + "." + base + "." + strconv.FormatUint(uint64(rand.Uint32()), 36) + ".tmp"
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		switch {
		case errors.Is(err, fs.ErrExist) && try < 100:
			continue
		case err != nil:
			return nil, err
		case replaces:
			if err := f.Chmod(mode); err != nil { // which the umask may have cut
				f.Close()
				os.Remove(name)
				return nil, err
			}
		}
		return f, nil
	}
}

// writePNG makes a PNG file as writeFile does.
func writePNG(path string, img image.Image) error {
	return writeFile(path, func(w io.Writer) error { return picture.EncodePNG(w, img) })
}

// overlayName returns the name of the overlay for a picture's name: "a.png" → "a.overlay.png", "a.jpg" →
// "a.jpg.overlay.png", so that different pictures have different overlays.
func overlayName(name string) string { return strings.TrimSuffix(name, ".png") + ".overlay.png" }
