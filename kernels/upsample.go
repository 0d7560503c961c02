package kernels

import (
	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

func (p *planner) upsample(n *op.Node, o *op.Upsample) {
	if o.Bilinear {
		p.interpolation(n)
		return
	}
	k := &repetition{out: p.write(n, 0), x: p.read(n, 0)}
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c)
	p.addStep(n, "", k.out, k)
}

// A repetition is the kernel of a nearest Upsample.
type repetition struct {
	out, x *value
	spans  spans // of rows of pixels
}

func (k *repetition) items(rows int) int { return k.spans.upTo(rows * k.out.h).items() }

func (k *repetition) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows * k.out.h).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		for x := range k.out.w {
			copy(l.mem[k.out.at(n, y, x):][:k.out.c], l.mem[k.x.nearest(n, y, x, k.out):])
		}
	}
}

// nearest returns where the pixel of image n begins that stands for pixel
// (y, x) of out when v is repeated to its size.
func (v *value) nearest(n, y, x int, out *value) int {
	return v.at(n, op.Nearest(y, v.h, out.h), op.Nearest(x, v.w, out.w))
}

// An interpolation is the kernel of a bilinear Upsample: for each row of
// output, two rows are mixed, and then pairs of pixels of the mixed row.
type interpolation struct {
	out, x        *value
	height, width axis
	blend         func(dst []float32, s *tile.Samples)
	spans         spans // of rows of pixels
}

func (p *planner) interpolation(n *op.Node) {
	k := &interpolation{out: p.write(n, 0), x: p.read(n, 0), blend: p.model.tier.Blend}
	k.height, k.width = newAxis(k.x.h, k.out.h), newAxis(k.x.w, k.out.w)
	k.spans = spansOf(k.out.n*k.out.h, (k.out.w+k.x.w)*k.out.c)
	p.addStep(n, "", k.out, k)
}

// newAxis returns how an axis of in pixels is scaled to out.
func newAxis(in, out int) axis {
	a := axis{make([]int, out), make([]int, out), make([]float32, out)}
	for i := range out {
		a.low[i], a.high[i], a.share[i] = op.Between(i, in, out)
	}
	return a
}

func (k *interpolation) items(rows int) int { return k.spans.upTo(rows * k.out.h).items() }

func (k *interpolation) do(l *lane, rows, i int) {
	s := &l.samples
	first, end := k.spans.upTo(rows * k.out.h).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		mixed := k.row(l, n, y)
		for x := range k.out.w {
			dst := l.mem[k.out.at(n, y, x):][:k.out.c]
			low, high, share := k.width.low[x]*k.x.stride, k.width.high[x]*k.x.stride, k.width.share[x]
			if share == 0 {
				copy(dst, mixed[low:])
				continue
			}
			s.X, s.Off, s.W = mixed, append(s.Off[:0], low, high), append(s.W[:0], 1-share, share)
			k.blend(dst, s)
		}
	}
	s.X = nil
}

// row returns the row of pixels of image n that lies where row y of the output is.
func (k *interpolation) row(l *lane, n, y int) []float32 {
	size := k.x.w * k.x.stride
	top, share := k.x.at(n, k.height.low[y], 0), k.height.share[y]
	if share == 0 {
		return l.mem[top:][:size]
	}
	s, dst := &l.samples, l.floats(size)
	s.X, s.Off = l.mem, append(s.Off[:0], top, k.x.at(n, k.height.high[y], 0))
	s.W = append(s.W[:0], 1-share, share)
	k.blend(dst, s)
	return dst
}
