//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package loaders

import (
	"os"
	"runtime"
	"syscall"
)

// A mapping keeps mapped memory mapped: it is unmapped when the mapping is no
// longer reachable. Every tensor over the memory owns its mapping.
type mapping struct{ data []byte }

// mapFile maps size > 0 bytes of f for reading.
func mapFile(f *os.File, size int64) (*mapping, error) {
	if size != int64(int(size)) {
		return nil, syscall.EFBIG
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	m := &mapping{data}
	runtime.AddCleanup(m, func(b []byte) { _ = syscall.Munmap(b) }, data)
	return m, nil
}
