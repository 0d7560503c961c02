//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package loaders_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/argand-go/argand/loaders"
)

// A pipe that nobody writes to is refused at once, and not waited for.
func TestOpenPipe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, open := range map[string]func() (*loaders.Checkpoint, error){
		"Open":   func() (*loaders.Checkpoint, error) { return loaders.Open(path) },
		"OpenFS": func() (*loaders.Checkpoint, error) { return loaders.OpenFS(os.DirFS(dir), "pipe") },
	} {
		done := make(chan error, 1)
		go func() {
			_, err := open()
			done <- err
		}()
		select {
		case err := <-done:
			var f *loaders.FormatError
			if !errors.As(err, &f) || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s waits for the pipe", name)
		}
	}
}
