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
	if size == 0 || !(v >= -1 && v <= float32(size)) { // also for NaN
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

	samples := k.Size * k.Sampling // on an axis
	if cap(l.axes) < 2*samples {
		l.axes = make([]axisSample, 2*samples)
	}
	ys, xs := l.axes[:samples], l.axes[samples:2*samples]
	for i := range samples {
		ys[i] = sampleAt(k.position(y0, binY, i/k.Sampling, i%k.Sampling), x.h)
		xs[i] = sampleAt(k.position(x0, binX, i/k.Sampling, i%k.Sampling), x.w)
	}
	s := &l.samples
	s.X = l.mem[x.at(n, 0, 0):]
	for i := range k.Size {
		for j := range k.Size {
			s.Off, s.W = s.Off[:0], s.W[:0]
			for _, sy := range ys[i*k.Sampling:][:k.Sampling] {
				for _, sx := range xs[j*k.Sampling:][:k.Sampling] {
					if sy.inside && sx.inside {
						k.sample(s, x, sy, sx)
					}
				}
			}
			dst := l.mem[k.out.at(row, i, j):][:k.out.c]
			if len(s.Off) == 0 {
				clear(dst)
				continue
			}
			k.blend(dst, s)
		}
	}
	s.X = nil
}

// position returns where sample s of bin i lies on an axis.
func (k *pooling) position(start, bin float32, i, s int) float32 {
	return start + float32(float32(i)*bin) + float32((float32(s)+0.5)*bin)/float32(k.Sampling)
}

// sample adds one sample to a bin: four pixels, weighted by its share of the mean.
func (k *pooling) sample(s *tile.Samples, x *value, sy, sx axisSample) {
	share := 1 / float32(k.Sampling*k.Sampling)
	top, bottom := sy.lo*x.w, sy.hi*x.w
	s.Off = append(s.Off, (top+sx.lo)*x.stride, (top+sx.hi)*x.stride, (bottom+sx.lo)*x.stride, (bottom+sx.hi)*x.stride)
	s.W = append(s.W, sy.low*sx.low*share, sy.low*sx.high*share, sy.high*sx.low*share, sy.high*sx.high*share)
}
