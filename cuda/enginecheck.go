//go:build linux && cgo && !nocuda

package cuda

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// check compares samples of y with those of the first way that was run.
func (m *meter) check(engine string) error {
	got, err := m.sample()
	if err != nil {
		return err
	}
	if m.want == nil {
		m.want = got
		return nil
	}
	at, difference, scale := -1, 0.0, 0.0
	for i, w := range m.want {
		g, w := float64(got[i]), float64(w)
		if !math.IsInf(w, 0) {
			scale = max(scale, math.Abs(w))
		}
		if g == w || g != g && w != w {
			continue
		}
		if d := math.Abs(g - w); at < 0 || !(d <= difference) { // a NaN is the greatest difference
			at, difference = i, d
		}
		if difference != difference {
			break
		}
	}
	if at < 0 || difference <= tolerance(&m.product)*scale {
		return nil
	}
	return &WrongResultError{Engine: engine, Product: m.product.String(),
		Got: float64(got[at]), Want: float64(m.want[at]), Difference: difference}
}

// tolerance is how much two ways to compute a product may differ, as a part of the
// greatest result. Sums of k terms in two orders differ by the square root of k
// times the precision of a float32, of which a quarter is seen; factors that are
// rounded to 11 bits instead differ by more for any k. In tf32 it is the rounding
// of factors that may differ, in 16 bits that of results.
func tolerance(q *product) float64 {
	switch {
	case q.precision == op.TensorFloat32:
		return 0x1p-8
	case q.out == elementBF16:
		return 0x1p-7
	case q.out == elementF16:
		return 0x1p-9
	}
	return 0x1p-22*math.Sqrt(float64(q.depth())) + 0x1p-21
}

const (
	sampleBytes  = 1 << 18 // of each piece of y that is compared: its begin, its middle and its end
	patternBytes = 1 << 20 // of the numbers that maps are filled with, over and over
)

// sample returns pieces of y.
func (m *meter) sample() ([]float32, error) {
	size := int64(m.product.out.size())
	offsets, n := []int64{0}, m.bytes
	if n > 3*sampleBytes {
		offsets, n = []int64{0, m.bytes / 2 / size * size, m.bytes - sampleBytes}, sampleBytes
	}
	var list []float32
	for _, offset := range offsets {
		piece := make([]byte, n)
		if err := m.stream.Download(piece, m.maps, m.y+offset); err != nil {
			return nil, err
		}
		for ; len(piece) > 0; piece = piece[size:] {
			list = append(list, m.product.out.read(piece))
		}
	}
	return list, nil
}

// fill fills a map, bytes from an offset, with random numbers in [−1, 1], and with
// zeros where channels of a pixel of stride elements are not there.
func (m *meter) fill(offset, bytes int64, e element, stride, channels int) error {
	if bytes == 0 {
		return nil
	}
	pixel := int64(stride * e.size())
	// An odd number of pixels, so that rows and columns of a map differ.
	n := min(bytes, max(patternBytes/pixel, 1)/2*2*pixel+pixel)
	pattern := make([]byte, 0, n)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range int(n) / e.size() {
		x := float32(0)
		if i%stride < channels {
			x = 2*random.Float32() - 1
		}
		pattern = e.write(pattern, x)
	}
	if err := m.stream.Upload(m.maps, offset, pattern); err != nil {
		return err
	}
	for done := n; done < bytes; { // twice as much each time
		more := min(done, bytes-done)
		if err := m.stream.Copy(m.maps, offset+done, m.maps, offset, more); err != nil {
			return err
		}
		done += more
	}
	return nil
}

// read returns the first number of b.
func (e element) read(b []byte) float32 {
	switch e {
	case elementBF16:
		return tensor.BHalf(binary.LittleEndian.Uint16(b)).Float32()
	case elementF16:
		return tensor.Half(binary.LittleEndian.Uint16(b)).Float32()
	}
	return math.Float32frombits(binary.LittleEndian.Uint32(b))
}

// write appends a number, rounded to nearest.
func (e element) write(b []byte, x float32) []byte {
	switch e {
	case elementBF16:
		return binary.LittleEndian.AppendUint16(b, uint16(tensor.BHalfOf(x)))
	case elementF16:
		return binary.LittleEndian.AppendUint16(b, uint16(tensor.HalfOf(x)))
	}
	return binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
}
