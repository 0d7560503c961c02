//go:build linux && cgo && !nocuda

package cuda

import (
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"strings"
)

// machines are the processors that programs of the driver are for.
var machines = map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}

// looksLoadable returns a [*FileError] for a path of what the system's loader must
// not be given. All else that can be wrong the loader says, and so it does of a
// name without a folder, which it looks for by itself.
func looksLoadable(path string) error {
	if !strings.Contains(path, "/") {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil // the loader has the words for it
	case !info.Mode().IsRegular():
		return &FileError{path, "it is no file, but " + kind(info.Mode())}
	case info.Size() == 0:
		return nil
	}
	f, err := elf.Open(path)
	if err != nil {
		return &FileError{path, fmt.Sprintf("it is no library: %v", err)}
	}
	defer f.Close()
	if want, known := machines[runtime.GOARCH]; known && f.Machine != want {
		return &FileError{path, fmt.Sprintf("it is for another processor, %v; this program's is %v", f.Machine, want)}
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && (p.Filesz > uint64(info.Size()) || p.Off > uint64(info.Size())-p.Filesz) {
			return &FileError{path, fmt.Sprintf("it is cut off: it has %d bytes, and says that it has more", info.Size())}
		}
	}
	return nil
}

// kind returns what a file is that has no bytes of its own.
func kind(m os.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&os.ModeNamedPipe != 0:
		return "a pipe"
	case m&os.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
