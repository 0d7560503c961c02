//go:build linux && cgo && !nocuda

package cuda_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// TestFilesThatAreNoLibraries has paths at which the loader would wait for ever, end the program, or say what is not so.
func TestFilesThatAreNoLibraries(t *testing.T) {
	fake := fakedriver.New(t)
	whole := must(os.ReadFile("/proc/self/exe")) // any program of this machine's
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	other := append([]byte(nil), whole...)
	other[18], other[19] = 8, 0 // EM_MIPS
	// Section headers are not there to be read: 40 to 47 is where they are, 58 to 63 how many.
	cut := append([]byte(nil), whole[:len(whole)/2]...)
	clear(cut[40:48])
	clear(cut[60:64])
	for path, want := range map[string]string{
		pipe:                                "it is no file, but a pipe",
		dir:                                 "it is no file, but a folder",
		"/dev/zero":                         "it is no file, but a device",
		write("text", []byte("root:x\n")):   "it is no library",
		write("other", other):               "it is for another processor, EM_MIPS",
		write("short", whole[:700]):         "it is no library",
		write("half", whole[:len(whole)/2]): "it is ",
		write("cut", cut):                   "it is cut off",
	} {
		_, err := cuda.Open(cuda.Options{Driver: path})
		if !is[*cuda.NoDeviceError](err) || !is[*cuda.FileError](err) || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%s: %v; want %s", path, err, want)
		}
		_, err = cuda.Open(cuda.Options{Driver: fake.Path, CUDNN: path})
		if !is[*cuda.LibraryError](err) || !is[*cuda.FileError](err) {
			t.Errorf("%s for cuDNN: %v", path, err)
		}
	}
}
