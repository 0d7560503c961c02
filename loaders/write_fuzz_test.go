package loaders_test

import (
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// FuzzWrite writes two views of one memory, which may overlap, and a third
// tensor, under any names: what is read back is what was written, or the names
// are refused.
func FuzzWrite(f *testing.F) {
	f.Add("a", "b", "metadata", uint8(0), uint8(0), uint8(4), uint8(2), uint8(4))
	f.Add("", "größe.数.\u2028", "\x00\x1f\"\\/<>&\x7f", uint8(9), uint8(1), uint8(9), uint8(5), uint8(0))
	f.Add("\xff", "__metadata__", "", uint8(7), uint8(3), uint8(1), uint8(3), uint8(1))
	f.Fuzz(func(t *testing.T, a, b, note string, kind, at1, n1, at2, n2 uint8) {
		types := tensor.DTypes()
		dtype := types[int(kind)%len(types)]
		size := dtype.Size()
		memory := make([]byte, 512*size)
		for i := range memory {
			memory[i] = byte(i)
			if dtype == tensor.Bool {
				memory[i] = byte(i & 1)
			}
		}
		var d loaders.StateDict
		for _, v := range []struct {
			key   string
			at, n uint8
		}{{a, at1, n1}, {b, at2, n2}} {
			x, err := tensor.FromBytes(dtype, tensor.Shape{int(v.n)}, memory[int(v.at)*size:][:int(v.n)*size], nil)
			if err != nil {
				t.Fatal(err)
			}
			d.Set(v.key, x)
		}
		d.Set("scalar", scalar(t, 1))
		d.SetMetadata("note", note)
		for _, f := range formats {
			err := f.write(io.Discard, &d)
			bad := !utf8.ValidString(a + "|" + b)
			if f.ext == ".safetensors" {
				bad = bad || !utf8.ValidString(note) || a == "__metadata__" || b == "__metadata__" || dtype == tensor.Complex128
			}
			var w *loaders.WriteError
			if bad != (err != nil) || err != nil && !errors.As(err, &w) {
				t.Fatalf("%s: %v", f.ext, err)
			}
			if err != nil {
				continue
			}
			c := reopen(t, write(t, f.ext, &d))
			same(t, c, &d, f.ext == ".safetensors")
			if f.ext == ".safetensors" {
				if c.Metadata()["note"] != note {
					t.Errorf("metadata %q, want %q", c.Metadata(), note)
				}
				continue
			}
			overlap := a != b && at1 < at2+n2 && at2 < at1+n1 && n1 > 0 && n2 > 0 && int(at1)+int(n1) < 256 && int(at2)+int(n2) < 256
			if overlap && a != "scalar" && b != "scalar" {
				x, y := values(t, c, a).Bytes(), values(t, c, b).Bytes()
				x[0] ^= 1 // memory of the test, not mapped
				distance := (int(at1) - int(at2)) * size
				if distance >= 0 && y[distance] != x[0] {
					t.Error("tensors that shared memory do not share it after they were written")
				}
			}
		}
	})
}
