package loaders

import (
	"bytes"
	"errors"
	"io"
	"math"
	"runtime"
	"testing"
	"testing/iotest"
	"unsafe"

	"github.com/argand-go/argand/tensor"
)

// A stream is read to its end whatever it was expected to give, into one block
// that is aligned and has no other bytes.
func TestReadToEnd(t *testing.T) {
	data := make([]byte, 9<<20+5)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	for _, n := range []int{0, 1, 4095, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3 << 20, 8<<20 + 1, len(data)} {
		for _, expected := range []int{math.MinInt, -1, 0, 1, n / 5, n/4 + 1, n - 1, n, n + 1, 4*n + 1, 1 << 40, math.MaxInt} {
			for name, r := range map[string]io.Reader{
				"whole":            bytes.NewReader(data[:n]),
				"halves":           iotest.HalfReader(bytes.NewReader(data[:n])),
				"end with a byte":  iotest.DataErrReader(bytes.NewReader(data[:n])),
				"without WriterTo": io.LimitReader(bytes.NewReader(data), int64(n)),
			} {
				got, err := readToEnd(r, int64(expected))
				if err != nil || !bytes.Equal(got, data[:n]) || cap(got) > n {
					t.Fatalf("%d bytes, %d expected, %s: %d bytes of %d, %v", n, expected, name, len(got), cap(got), err)
				}
				if n > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(got)))%tensor.Alignment != 0 {
					t.Errorf("%d bytes, %d expected, %s: not aligned", n, expected, name)
				}
			}
		}
	}
	broken := errors.New("broken")
	for _, expected := range []int64{0, 2 << 20, 3 << 20, 1 << 40} {
		r := io.MultiReader(bytes.NewReader(data[:2<<20]), iotest.ErrReader(broken))
		if _, err := readToEnd(r, expected); !errors.Is(err, broken) || err.Error() != "after 2097152 bytes: broken" {
			t.Errorf("%d expected: %v", expected, err)
		}
		if _, err := readToEnd(idle{}, expected); !errors.Is(err, io.ErrNoProgress) {
			t.Errorf("a reader that gives nothing: %v", err)
		}
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

// A stream of known length takes memory for itself and for a quarter more; one
// of unknown length twice its own; one that is said to be endless, four times.
func TestReadToEndMemory(t *testing.T) {
	const n = 64 << 20
	for expected, most := range map[int64]float64{n: 1.45, 0: 2.4, n / 2: 3, 1 << 50: 2.4, 4 * n: 5.2} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := readToEnd(io.LimitReader(zeros{}, n), expected)
		runtime.ReadMemStats(&after)
		if err != nil || len(got) != n {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if made := float64(after.TotalAlloc-before.TotalAlloc) / n; made > most {
			t.Errorf("%d expected: %.2f times the stream was allocated, at most %.2f wanted", expected, made, most)
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
