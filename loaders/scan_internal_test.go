package loaders

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// FuzzScan runs the scanner alone and, if it allows a pickle, gopickle's
// machine on it, which must then neither panic nor see a global that was not
// allowed. Every storage is one of 24 bytes; each tensor and each other value is
// taken. gopickle's dictionaries and sets panic for keys that are bytes.
func FuzzScan(f *testing.F) {
	f.Add([]byte("\x80\x02]q\x00(K\x01\x8a\x00\x8b\x00\x00\x00\x00h\x00e."))
	f.Add([]byte("\x80\x02ccollections\nOrderedDict\n](](U\x01aK\x01ee\x85R}b."))
	f.Add([]byte("(I01\nL12L\nF1.5\nS'a'\nVb\np7\ng7\nt."))
	f.Add([]byte("\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05torch\x8c\x04Size\x93)\x81\x94\x8f(K\x01\x90\x86."))
	f.Add([]byte("ccopy_reg\n_reconstructor\n(clib\nThing\nc__builtin__\nobject\nNtR}b."))
	f.Add([]byte("(ilib\nThing\n(K\x01olib\x85\x92."))
	for _, b := range HostilePickles(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, inert := range []bool{false, true} {
			l := Limits{PickleOps: 20000, PickleMemory: 16 << 20, Entries: 20000, StringBytes: 1 << 16, Gathered: 4 << 20}
			file := &file{name: "f", src: newMemory(data, nil), limits: l.withDefaults(int64(len(data))), inert: inert}
			s := scanner{file: file, data: data}
			n, err := s.scan()
			if err != nil {
				continue
			}
			if n < 1 || n > len(data) || data[n-1] != '.' {
				t.Fatalf("scanned %d of %d bytes", n, len(data))
			}
			for _, p := range s.patches {
				if p.at < 0 || p.at >= n {
					t.Fatalf("a patch at %d of %d bytes", p.at, n)
				}
			}
			v, err := unpickled(&s, n)
			var g *GlobalError
			if errors.As(err, &g) || err != nil && strings.Contains(err.Error(), "panic") && !strings.Contains(err.Error(), "unhashable") {
				t.Errorf("inert %v: %v", inert, err)
			}
			if err == nil {
				if err := file.flatten(v, ""); err != nil {
					continue
				}
				for key := range file.values {
					_, _ = file.value(key) // must end
				}
				for _, e := range file.entries {
					if !e.dtype.Valid() {
						continue
					}
					if x, err := file.tensor(e); err == nil && x.Len() != e.shape.Len() {
						t.Errorf("%v, want shape %v", x, e.shape)
					}
				}
			}
		}
	})
}

func unpickled(s *scanner, n int) (v any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	data := &storage{offset: -1, size: 24, data: make([]byte, 24)}
	return s.run(n, func(any) (any, error) { return whole(elementTypes["float32"], data), nil })
}
