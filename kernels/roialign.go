package kernels

import (
	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// pooling is the kernel of RoIAlign; its items are boxes.
type pooling struct {
	*op.RoIAlign
	boxes, counts *value
	levels        []*value
	out           *value
	blend         func(dst []float32, s *tile.Samples)
}

func (p *planner) roiAlign(n *op.Node, o *op.RoIAlign) {
	k := &pooling{
		RoIAlign: o, boxes: p.read(n, 0), counts: p.read(n, 1), out: p.write(n, 0), blend: p.model.tier.Blend,
	}
	for i := range o.Scales {
		k.levels = append(k.levels, p.read(n, 2+i))
	}
	p.addStep(n, "", k.out, k)
}

func (k *pooling) items(rows int) int { return rows }

// An axisSample is where a sample lies on one axis: between pixels lo and hi,
// of which the weights are low and high.
type axisSample struct {
	lo, hi    int
	low, high float32
	inside    bool
}

// sampleAt returns the sample at v among size pixels. Beyond −1 and size there
// is none; from there to the outermost pixels' centres they are repeated.
func sampleAt(v float32, size int) axisSample {
	if !(v >= -1 && v <= float32(size)) { // also for NaN
		return axisSample{}
	}
	v = max(v, 0)
	lo := int(v)
	if lo >= size-1 {
		return axisSample{size - 1, size - 1, 1, 0, true}
	}
	high := v - float32(lo)
	return axisSample{lo, lo + 1, 1 - high, high, true}
}

func (k *pooling) do(l *lane, _, row int) {
	n, r := 0, row // the picture, and which of its boxes
	counts := l.i32(k.counts)
	places := k.boxes.c / 4
	for r >= place(counts[n], places) {
		r -= place(counts[n], places)
		n++
	}
	b := l.boxes(k.boxes)[n*places+r]
	level := k.Level(b[0], b[1], b[2], b[3])
	x, scale := k.levels[level], float32(k.Scales[level])
	x0, y0, x1, y1 := float32(b[0]*scale), float32(b[1]*scale), float32(b[2]*scale), float32(b[3]*scale)
	binY, binX := max(y1-y0, 1)/float32(k.Size), max(x1-x0, 1)/float32(k.Size)

	for i := range k.Size {
		for j := range k.Size {
			dst := l.mem[k.out.at(row, i, j):][:k.out.c]
			clear(dst)
			for v := range k.Sampling {
				sy := sampleAt(k.position(y0, binY, i, v), x.h)
				for u := range k.Sampling {
					if sx := sampleAt(k.position(x0, binX, j, u), x.w); sy.inside && sx.inside {
						k.sample(l, dst, x, n, sy, sx)
					}
				}
			}
		}
	}
}

// position returns where sample s of bin i lies on an axis.
func (k *pooling) position(start, bin float32, i, s int) float32 {
	return start + float32(float32(i)*bin) + float32((float32(s)+0.5)*bin)/float32(k.Sampling)
}

// sample adds one sample to a bin, weighted by its share of the mean.
func (k *pooling) sample(l *lane, dst []float32, x *value, n int, sy, sx axisSample) {
	share := 1 / float32(k.Sampling*k.Sampling)
	s := &l.samples
	s.X = [4][]float32{
		l.mem[x.at(n, sy.lo, sx.lo):], l.mem[x.at(n, sy.lo, sx.hi):],
		l.mem[x.at(n, sy.hi, sx.lo):], l.mem[x.at(n, sy.hi, sx.hi):],
	}
	s.W = [4]float32{
		sy.low * sx.low * share, sy.low * sx.high * share, sy.high * sx.low * share, sy.high * sx.high * share,
	}
	k.blend(dst, s)
}
