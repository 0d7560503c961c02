//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package loaders

import "os"

// A mapping holds the bytes of a file in memory, where files are not mapped.
type mapping struct{ data []byte }

// mapFile reads size > 0 bytes of f.
func mapFile(f *os.File, size int64) (*mapping, error) {
	data, err := readAt(f, 0, size)
	if err != nil {
		return nil, err
	}
	return &mapping{data}, nil
}
