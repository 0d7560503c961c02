package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// roiAlign pools the used boxes of all pictures, one after the other, from the
// levels that fit their sizes: boxes (N, R, 4), count (N), one (N, C, h, w)
// per level → (N·R, C, Size, Size). Where to sample is float32 arithmetic in
// torchvision's order, the mean of the samples is float64.
func roiAlign(o *op.RoIAlign, y, boxes, count *tensor.Tensor, features []*tensor.Tensor) {
	capacity, channels := boxes.Shape()[1], y.Shape()[1]
	row := 0
	for n, used := range rows(count, capacity) {
		for r := range used {
			b := box(floats(boxes)[(n*capacity+r)*4:])
			level := o.Level(b[0], b[1], b[2], b[3])
			h, w := features[level].Shape()[2], features[level].Shape()[3]
			scale := float32(o.Scales[level])
			ys := samples(float32(b[1]*scale), float32(b[3]*scale), o, h)
			xs := samples(float32(b[0]*scale), float32(b[2]*scale), o, w)
			for c := range channels {
				pixels, out := plane(features[level], n, c), plane(y, row, c)
				for i := range o.Size {
					for j := range o.Size {
						var sum float64
						for _, a := range ys[i*o.Sampling : (i+1)*o.Sampling] {
							for _, b := range xs[j*o.Sampling : (j+1)*o.Sampling] {
								if !a.inside || !b.inside {
									continue
								}
								upper := b.mix(pixels[a.low*w+b.low], pixels[a.low*w+b.high])
								lower := b.mix(pixels[a.high*w+b.low], pixels[a.high*w+b.high])
								sum += upper + float64(a.weight)*(lower-upper)
							}
						}
						out[i*o.Size+j] = float32(sum / float64(o.Sampling*o.Sampling))
					}
				}
			}
			row++
		}
	}
}

// sampling is a place between two pixels of an axis.
type sampling struct {
	low, high int
	weight    float32 // of high
	inside    bool
}

func (s sampling) mix(low, high float32) float64 {
	return float64(low) + float64(s.weight)*(float64(high)-float64(low))
}

// samples returns the Size·Sampling places of one axis of a box from start to
// end, in pixels of a level that has size of them.
func samples(start, end float32, o *op.RoIAlign, size int) []sampling {
	var list []sampling
	for _, v := range positions(start, end, o) {
		if !(v >= -1 && v <= float32(size)) {
			list = append(list, sampling{})
			continue
		}
		v = max(v, 0)
		low := int(v)
		if low >= size-1 {
			list = append(list, sampling{size - 1, size - 1, 0, true})
			continue
		}
		list = append(list, sampling{low, low + 1, v - float32(low), true})
	}
	return list
}

func positions(start, end float32, o *op.RoIAlign) (vs []float32) {
	bin := max(end-start, 1) / float32(o.Size)
	for p := range o.Size {
		for i := range o.Sampling {
			at := float32(start + float32(float32(p)*bin))
			vs = append(vs, at+float32((float32(i)+0.5)*bin)/float32(o.Sampling))
		}
	}
	return vs
}

// steady reports whether no sample of b is so close to where samples begin to
// count as nothing, and b's size not so close to where its level changes, that
// another order of float32 operations could decide otherwise.
func steady(o *op.RoIAlign, b box, features []*tensor.Tensor) bool {
	side := math.Sqrt(float64(b.width()) * float64(b.height()))
	if k := o.CanonicalLevel + math.Log2(side/o.CanonicalScale); math.Abs(k-math.Round(k)) < 1e-4 {
		return false
	}
	level := o.Level(b[0], b[1], b[2], b[3])
	scale := float32(o.Scales[level])
	for axis := range 2 {
		size := float64(features[level].Shape()[2+axis])
		for _, v := range positions(b[1-axis]*scale, b[3-axis]*scale, o) {
			if math.Abs(float64(v)+1) < 1e-3 || math.Abs(float64(v)-size) < 1e-3 {
				return false
			}
		}
	}
	return true
}

// pooling describes inputs of roiAlign.
type pooling struct {
	counts   []int
	r, c     int // capacity, channels
	h, w     int // of the image, multiples of 32
	size     int
	sampling int
	levels   int                                     // 0 means 4
	box      func(s source, h, w float64) [4]float64 // nil for any size, mostly inside
}

func (p pooling) sample(s source) sample {
	o := &op.RoIAlign{Size: p.size, Sampling: p.sampling, CanonicalScale: 224, CanonicalLevel: 4}
	n := len(p.counts)
	var features []*tensor.Tensor
	for l := range max(p.levels, 1) {
		stride := 4 << l
		if p.levels == 0 {
			stride = 32
		}
		o.Scales = append(o.Scales, 1/float64(stride))
		features = append(features, s.normal(n, p.c, p.h/stride, p.w/stride))
	}
	if p.box == nil {
		p.box = anyBox
	}
	boxes, counts := empty(tensor.Float32, n, p.r, 4), empty(tensor.Int32, n)
	fillNaN(boxes) // of what is not counted, nothing may be used
	for i, c := range p.counts {
		data[int32](counts)[i] = int32(c)
		for r := range c {
			for {
				v := p.box(s, float64(p.h), float64(p.w))
				b := box{float32(v[0]), float32(v[1]), float32(v[2]), float32(v[3])}
				if steady(o, b, features) {
					copy(floats(boxes)[(i*p.r+r)*4:], b[:])
					break
				}
			}
		}
	}
	return one(o, append([]*tensor.Tensor{boxes, counts}, features...)...)
}

// anyBox has a side from 8 to 600 pixels, all octaves equally likely, and its
// centre in the image.
func anyBox(s source, h, w float64) [4]float64 {
	bw, bh := 8*math.Exp2(s.Float64()*6.2), 8*math.Exp2(s.Float64()*6.2)
	x, y := s.Float64()*w, s.Float64()*h
	return [4]float64{x - bw/2, y - bh/2, x + bw/2, y + bh/2}
}

func roiAlignCases() (cases []testCase) {
	for _, c := range []struct {
		name string
		pooling
	}{
		{"boxes", pooling{counts: []int{40}, r: 40, c: 19, h: 128, w: 160, size: 7, sampling: 2, levels: 4}},
		{"masks", pooling{counts: []int{9}, r: 12, c: 33, h: 128, w: 96, size: 14, sampling: 2, levels: 4}},
		{"pictures with gaps", pooling{counts: []int{5, 0, 9}, r: 11, c: 6, h: 64, w: 96, size: 7, sampling: 2, levels: 4}},
		{"no boxes", pooling{counts: []int{0, 0}, r: 3, c: 5, h: 64, w: 64, size: 7, sampling: 2, levels: 4}},
		{"no picture", pooling{r: 3, c: 5, h: 64, w: 64, size: 7, sampling: 2, levels: 4}},
		{"no capacity", pooling{counts: []int{0}, r: 0, c: 5, h: 64, w: 64, size: 7, sampling: 2, levels: 4}},
		{"one level", pooling{counts: []int{8}, r: 8, c: 65, h: 160, w: 96, size: 5, sampling: 2}},
		{"one sample", pooling{counts: []int{8}, r: 8, c: 3, h: 64, w: 64, size: 3, sampling: 1, levels: 2}},
		{"three samples", pooling{counts: []int{8}, r: 8, c: 3, h: 64, w: 64, size: 2, sampling: 3, levels: 3}},
		{"one pixel", pooling{counts: []int{6}, r: 6, c: 4, h: 32, w: 32, size: 7, sampling: 2}},
		{"narrower than a pixel", pooling{counts: []int{9}, r: 9, c: 4, h: 64, w: 64, size: 7, sampling: 2, levels: 4,
			box: func(s source, h, w float64) [4]float64 {
				x, y := s.Float64()*w, s.Float64()*h
				return [4]float64{x, y, x + 3*s.Float64(), y + 2*s.Float64()}
			}}},
		{"outside", pooling{counts: []int{20}, r: 20, c: 4, h: 64, w: 64, size: 7, sampling: 2, levels: 4,
			box: func(s source, h, w float64) [4]float64 {
				b := anyBox(s, 3*h, 3*w)
				return [4]float64{b[0] - w, b[1] - h, b[2] - w, b[3] - h}
			}}},
		{"inverted", pooling{counts: []int{9}, r: 9, c: 4, h: 64, w: 64, size: 7, sampling: 2, levels: 4,
			box: func(s source, h, w float64) [4]float64 {
				b := anyBox(s, h, w)
				return [4]float64{b[2], b[1], b[0], b[3]}
			}}},
	} {
		cases = append(cases, numeric("roi_align/"+c.name, c.sample))
	}
	for level, side := range []float64{60, 150, 300, 500} {
		cases = append(cases, numeric(fmt.Sprintf("roi_align/level %d", level), pooling{
			counts: []int{4}, r: 4, c: 5, h: 512, w: 480, size: 7, sampling: 2, levels: 4,
			box: func(s source, h, w float64) [4]float64 {
				x, y := s.Float64()*w/2, s.Float64()*h/2
				return [4]float64{x, y, x + side*(0.9+0.2*s.Float64()), y + side*(0.9+0.2*s.Float64())}
			}}.sample))
	}
	return append(cases, finishing("roi_align/NaN and infinities", func(s source) sample {
		x := pooling{counts: []int{30}, r: 30, c: 3, h: 64, w: 64, size: 7, sampling: 2, levels: 4}.sample(s)
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e30, -1e30, 3e9}
		b := floats(x.in[0])
		for i := range b {
			if s.IntN(3) == 0 {
				b[i] = special[s.IntN(len(special))]
			}
		}
		return x
	}))
}

// finishing returns a case that has to end without an error. Its numbers may
// be anything.
func finishing(name string, build func(s source) sample) testCase {
	return testCase{name: name, run: func(b op.Backend) error {
		_, err := runOnce(b, op.Options{}, build(newSource(name)))
		return err
	}}
}
