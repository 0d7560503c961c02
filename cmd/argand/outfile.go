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
func writeFile(path string, write func(io.Writer) error) (err error) {
	writing.RLock()
	defer writing.RUnlock()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	f, err := createBeside(path)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	w := bufio.NewWriter(f)
	steps := []func() error{func() error { return write(w) }, w.Flush, f.Sync, f.Close,
		func() error { return os.Rename(f.Name(), path) }}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// createBeside creates a new file in the directory of path, with the permissions of the file there if there is one.
func createBeside(path string) (*os.File, error) {
	mode := fs.FileMode(0o666) // less the umask
	old, err := os.Stat(path)
	replaces := err == nil && old.Mode().IsRegular()
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
