package kernels

import (
	"encoding/binary"
	"math"

	"github.com/argand-go/argand/nn/op"
)

// preparationRows is how many rows of an image an item of a preparation has:
// many enough that few rows of a picture are scaled for two items.
const preparationRows = 16

// A preparation is the kernel of Preprocess; its items are runs of rows of an
// image. Of a picture it looks at no more pixels than those of the image lie
// between.
type preparation struct {
	values          *[3][256]float32
	pictures, sizes *value
	image, scaled   *value
	spans           spans // of rows of one image
}

func (p *planner) preprocess(n *op.Node, o *op.Preprocess) {
	k := &preparation{values: &o.Values, pictures: p.read(n, 0), sizes: p.read(n, 1),
		image: p.write(n, 0), scaled: p.write(n, 1)}
	k.spans = spans{max(k.image.h, 1), preparationRows} // one at least, for the sizes
	p.addStep(n, "", k.image, k)
}

func (k *preparation) items(pictures int) int { return pictures * k.spans.items() }

func (k *preparation) do(l *lane, _, i int) {
	n, item := i/k.spans.items(), i%k.spans.items()
	capacity := k.pictures.spec.Shape[1]
	size := op.PreprocessSizeOf(l.i32(k.sizes), n, capacity, k.image.h, k.image.w)
	if item == 0 {
		scaled := l.mem[k.scaled.at(n, 0, 0):]
		scaled[0], scaled[1] = float32(size.ScaledHeight), float32(size.ScaledWidth)
	}
	first, end := k.spans.of(item)
	end = min(end, k.image.h)
	picture := scaling{PreprocessSize: size, values: k.values, rows: [2]int{-1, -1}}
	if first < size.ScaledHeight {
		picture.begin(l, l.bytes(k.pictures)[n*capacity:][:capacity])
	}
	for y := first; y < end; y++ {
		row := l.mem[k.image.at(n, y, 0):][:k.image.w*3]
		if y >= size.ScaledHeight {
			clear(row)
			continue
		}
		picture.row(row, y)
		clear(row[3*size.ScaledWidth:])
	}
}

// A scaling makes rows of a picture scaled and normalised, in an item. It holds
// the last two rows that were scaled in width: going down, each is scaled once.
type scaling struct {
	op.PreprocessSize
	values  *[3][256]float32
	picture []byte
	columns axis
	scaled  [2][]float32
	rows    [2]int // which they are of the picture
}

func (s *scaling) begin(l *lane, picture []byte) {
	w := s.ScaledWidth
	s.picture = picture
	scratch := l.floats(7 * w)
	s.columns = l.axis(scratch[:w], s.Width, w, 0)
	s.scaled = [2][]float32{scratch[w : 4*w], scratch[4*w:]}
}

// row makes row y in dst.
func (s *scaling) row(dst []float32, y int) {
	low, high, share := op.Between(y, s.Height, s.ScaledHeight)
	upper := s.wide(low)
	if share == 0 {
		high = low
	}
	blend(dst, upper, s.wide(high), share)
}

// wide returns row y of the picture scaled in width, its channels interleaved.
// The other row that is held stays.
func (s *scaling) wide(y int) []float32 {
	slot := y & 1 // neighbours never share one
	dst := s.scaled[slot]
	switch {
	case s.rows[slot] == y:
		return dst
	case s.Sample == 4:
		for c := range 3 {
			s.widenFloats(dst[c:], s.picture[4*(c*s.Height+y)*s.Width:][:4*s.Width])
		}
	default:
		s.widenBytes(dst, s.picture[3*y*s.Width:][:3*s.Width])
	}
	s.rows[slot] = y
	return dst
}

func (s *scaling) widenBytes(dst []float32, src []byte) {
	for x, share := range s.columns.share {
		a, b := src[3*s.columns.low[x]:][:3], src[3*s.columns.high[x]:][:3]
		to := dst[3*x:][:3]
		for c := range to {
			to[c] = between(s.values[c][a[c]], s.values[c][b[c]], share)
		}
	}
}

func (s *scaling) widenFloats(dst []float32, src []byte) {
	at := func(x int) float32 { return math.Float32frombits(binary.NativeEndian.Uint32(src[4*x:])) }
	for x, share := range s.columns.share {
		dst[3*x] = between(at(s.columns.low[x]), at(s.columns.high[x]), share)
	}
}
