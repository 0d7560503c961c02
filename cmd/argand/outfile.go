package main

import (
	"bufio"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/argand-go/argand/nn/picture"
)

// writing is held for reading while a file is written, and by main before it exits: workers of an interrupted job in
// this process may still be about to write.
var writing sync.RWMutex

// writeFile makes the file at path with what write writes. The file appears whole, replacing an older one, or not at
// all: it is written under a temporary name in the same directory, which is made if need be, and then renamed.
func writeFile(path string, write func(io.Writer) error) (err error) {
	writing.RLock()
	defer writing.RUnlock()
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp")
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
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// writePNG makes a PNG file as writeFile does.
func writePNG(path string, img image.Image) error {
	return writeFile(path, func(w io.Writer) error { return picture.EncodePNG(w, img) })
}

// overlayName returns the name of the overlay for a picture's name: "a.png" → "a.overlay.png", "a.jpg" →
// "a.jpg.overlay.png", so that different pictures have different overlays.
func overlayName(name string) string { return strings.TrimSuffix(name, ".png") + ".overlay.png" }
