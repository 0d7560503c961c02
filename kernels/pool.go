package kernels

import (
	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// A maximum is the kernel of MaxPool2d.
type maximum struct {
	out, x         *value
	kernel         [2]int
	stride, before [2]int
	max            func(dst, x []float32)
	spans          spans // of rows of pixels
}

func (p *planner) maxPool2d(n *op.Node, o *op.MaxPool2d) {
	k := &maximum{out: p.write(n, 0), x: p.read(n, 0), max: p.model.tier.Max}
	k.kernel, k.stride, k.before = o.Window()
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c*k.kernel[0]*k.kernel[1])
	p.addStep(n, "", k.out, k)
}

func (k *maximum) pixelRows(rows int) spans { return k.spans.upTo(rows * k.out.h) }

func (k *maximum) items(rows int) int { return k.pixelRows(rows).items() }

func (k *maximum) do(l *lane, rows, i int) {
	first, end := k.pixelRows(rows).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		// Padding is at most half a kernel, so every window has a pixel.
		y0, y1 := window(y*k.stride[0]-k.before[0], k.kernel[0], k.x.h)
		for x := range k.out.w {
			x0, x1 := window(x*k.stride[1]-k.before[1], k.kernel[1], k.x.w)
			dst := l.mem[k.out.at(n, y, x):][:k.out.c]
			copy(dst, l.mem[k.x.at(n, y0, x0):])
			for v := y0; v < y1; v++ {
				for u := x0; u < x1; u++ {
					if v > y0 || u > x0 {
						k.max(dst, l.mem[k.x.at(n, v, u):][:len(dst)])
					}
				}
			}
		}
	}
}

// window cuts size pixels from first on to those within 0 … limit−1.
func window(first, size, limit int) (from, to int) { return max(first, 0), min(first+size, limit) }

// A mean is the kernel of GlobalAvgPool2d. It adds some pixels at a time in
// float32, and these sums in float64: a map may have many.
type mean struct {
	out, x *value
	blend  func(dst []float32, s *tile.Samples)
	spans  spans // of groups of channels of all images
}

const (
	meanPixels   = 64             // that are added in float32
	meanChannels = 4 * lineFloats // of a group
)

// groups returns how many groups the channels of a pixel make.
func (k *mean) groups() int { return (k.out.c + meanChannels - 1) / meanChannels }

func (p *planner) globalAvgPool2d(n *op.Node) {
	k := &mean{out: p.write(n, 0), x: p.read(n, 0), blend: p.model.tier.Blend}
	k.spans = spansOf(k.out.n*k.groups(), k.x.h*k.x.w*meanChannels)
	p.addStep(n, "", k.out, k)
}

func (k *mean) items(rows int) int { return k.spans.upTo(rows * k.groups()).items() }

func (k *mean) do(l *lane, rows, i int) {
	s, pixels := &l.samples, k.x.h*k.x.w
	s.Off, s.W = s.Off[:0], s.W[:0]
	for j := range meanPixels {
		s.Off, s.W = append(s.Off, j*k.x.stride), append(s.W, 1)
	}
	offsets, ones, some := s.Off, s.W, l.floats(meanChannels)
	first, end := k.spans.upTo(rows * k.groups()).of(i)
	for group := first; group < end; group++ {
		n, c := group/k.groups(), group%k.groups()*meanChannels
		m := min(meanChannels, k.out.c-c)
		var sums [meanChannels]float64
		for p := 0; p < pixels; p += meanPixels {
			s.X = l.mem[k.x.at(n, 0, 0)+p*k.x.stride+c:]
			batch := min(meanPixels, pixels-p)
			s.Off, s.W = offsets[:batch], ones[:batch]
			k.blend(some[:m], s)
			for j, x := range some[:m] {
				sums[j] += float64(x)
			}
		}
		dst := l.mem[k.out.at(n, 0, 0)+c:][:m]
		for j := range dst {
			dst[j] = float32(sums[j] / float64(pixels))
		}
	}
	s.X = nil
}
