//go:build unix && !race

package kernels

import "syscall"

// mapBytes returns n zeros outside of Go's heap, or nil if the system has none.
func mapBytes(n int) []byte {
	data, err := syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return data
}

// unmapBytes gives them back. It can only fail for what mapBytes has not returned.
func unmapBytes(data []byte) { _ = syscall.Munmap(data) }
