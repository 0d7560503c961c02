//go:build linux && cgo && !nocuda

package fakedriver

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// keep is how long compiled files are kept in the user's cache: they are some MB for each state of the sources.
const keep = 3 * 24 * time.Hour

// cached returns what make does, or has done in this process or another one for the same inputs. Of processes that want
// the same at a time one makes it, as compiling takes longer than most packages' tests. Without a place for files it is
// made.
func cached(key [sha256.Size]byte, make func() ([]byte, error)) ([]byte, error) {
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "argand-fakedriver")
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return make()
	}
	f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("%x", key)), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return make()
	}
	defer f.Close() // unlocks it
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return make()
	}
	data, err := io.ReadAll(f)
	if n := len(data) - sha256.Size; err == nil && n >= 0 { // a process that was killed may have left a part
		if sum := sha256.Sum256(data[:n]); bytes.Equal(sum[:], data[n:]) {
			return data[:n], nil
		}
	}
	removeOld(dir)
	if data, err = make(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(append(bytes.Clone(data), sum[:]...), 0) // what is not whole is made anew
	}
	return data, nil
}

func removeOld(dir string) {
	list, _ := os.ReadDir(dir)
	for _, e := range list {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > keep {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// keyOf is the hash of what a file is compiled from: what there is to say about the compiler, its arguments, and
// sources.
func keyOf(about string, args []string, files map[string][]byte) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", about, args)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%q %d\n", name, len(files[name]))
		h.Write(files[name])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
