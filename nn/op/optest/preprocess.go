package optest

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// preprocess normalises, scales and pads: pictures (N, B), sizes (N, 5)
// → image (N, 3, H, W) and sizes (N, 2).
func preprocess(o *op.Preprocess, image, scaled, pictures, sizes *tensor.Tensor) {
	capacity, H, W := pictures.Shape()[1], image.Shape()[2], image.Shape()[3]
	for n := range pictures.Shape()[0] {
		size := op.PreprocessSizeOf(data[int32](sizes), n, capacity, H, W)
		h, w := size.Height, size.Width
		floats(scaled)[2*n], floats(scaled)[2*n+1] = float32(size.ScaledHeight), float32(size.ScaledWidth)
		picture := data[uint8](pictures)[n*capacity:][:capacity]
		sample := func(c, i, j int) float64 {
			if size.Sample == 4 {
				bits := binary.NativeEndian.Uint32(picture[4*((c*h+i)*w+j):])
				return float64(math.Float32frombits(bits))
			}
			return float64(o.Values[c][picture[3*(i*w+j)+c]])
		}
		for c := range 3 {
			out := plane(image, n, c)
			for i := range size.ScaledHeight {
				top, bottom, p := op.Between(i, h, size.ScaledHeight)
				for j := range size.ScaledWidth {
					left, right, q := op.Between(j, w, size.ScaledWidth)
					upper := between(sample(c, top, left), sample(c, top, right), q)
					lower := between(sample(c, bottom, left), sample(c, bottom, right), q)
					out[i*W+j] = float32(between(upper, lower, p))
				}
			}
		}
	}
}

// between returns the number between a and b, of which b has a share.
func between(a, b float64, share float32) float64 {
	if share == 0 {
		return a
	}
	return a*float64(1-share) + b*float64(share)
}

func preprocessCases() (cases []testCase) {
	type size = [5]int32 // height and width, scaled, and bytes of a sample
	const most = math.MaxInt32
	for _, p := range []struct {
		bytes, H, W int
		sizes       []size
	}{
		{4, 1, 1, []size{{1, 1, 1, 1, 1}}},
		{64, 32, 32, []size{{4, 5, 29, 32, 1}}},     // larger, and padded
		{7920, 32, 32, []size{{60, 44, 31, 23, 1}}}, // smaller: rows and columns are left out
		{304, 12, 16, []size{{10, 10, 10, 10, 1}, {10, 10, 12, 10, 1}, {10, 10, 10, 3, 1}}},
		{4552, 40, 64, []size{{37, 41, 40, 44, 1}, {1, 400, 1, 64, 1}, {350, 1, 40, 1, 1}, {2, 3, 40, 60, 0}}},
		{12 * 9 * 8, 20, 24, []size{{9, 8, 20, 18, 4}, {9, 8, 9, 8, 4}, {16, 18, 20, 23, 1}, {1, 1, 20, 24, 4}}},
		{300, 9, 11, []size{{10, 10, 99, 999, 1}, {10, 10, 9, 12, 1}, {10, 10, most, most, 1}}}, // larger than the canvas
		{300, 9, 11, []size{ // no pictures, but one
			{0, 10, 9, 9, 1}, {10, 0, 9, 9, 1}, {10, 10, 0, 9, 1}, {10, 10, 9, -1, 1}, {-10, -10, 9, 9, 1},
			{10, 11, 9, 9, 1}, {5, 6, 9, 9, 4}, {most, most, 9, 9, 1}, {most, most, 9, 9, 4}, {5, 5, 9, 9, 4}}},
		{300, 0, 11, []size{{10, 10, 9, 9, 1}}},
		{0, 9, 11, []size{{0, 0, 9, 9, 1}, {1, 1, 9, 9, 1}}},
		{300, 9, 11, nil},
	} {
		name := fmt.Sprintf("preprocess/%v of %d bytes in %dx%d", p.sizes, p.bytes, p.H, p.W)
		cases = append(cases, against(name, tolerance{2e-7, 3e-7, true}, func(s source) sample {
			o := &op.Preprocess{}
			for c := range o.Values {
				for v := range o.Values[c] {
					o.Values[c][v] = float32(v)/90 - 1 + 0.1*float32(c) + 0.01*s.Float32()
				}
			}
			n := len(p.sizes)
			pictures, sizes := empty(tensor.Uint8, n, p.bytes), empty(tensor.Int32, n, 5)
			for i := range data[uint8](pictures) {
				data[uint8](pictures)[i] = uint8(s.IntN(256))
			}
			for i, size := range p.sizes {
				copy(data[int32](sizes)[5*i:], size[:])
				for k := 0; size[4] == 4 && k < p.bytes; k += 4 {
					bits := math.Float32bits(float32(s.NormFloat64()))
					binary.NativeEndian.PutUint32(data[uint8](pictures)[i*p.bytes+k:], bits)
				}
			}
			return one(o, pictures, sizes, empty(tensor.Uint8, 1, 0, p.H, p.W))
		}))
	}
	return cases
}
