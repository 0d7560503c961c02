package kernels

import (
	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// A depthwise is the kernel of convolutions in which every channel is a group
// by itself: no matrix product, but a loop over channels for each pixel.
type depthwise struct {
	weights  *weights // depth is [tap][channel]
	in, out  *value
	residual *value // nil for none

	stride, padding, dilation [2]int
	kernel                    [2]int
	spans                     spans // of rows of pixels
}

// isDepthwise reports whether a depthwise can compute o.
func isDepthwise(o *op.Conv2d) bool {
	_, _, _, groups := o.Window()
	s := o.Weight.Shape()
	return groups > 1 && s[0] == groups && s[1] == 1 && o.Residual != op.NearestResidual
}

// depthwise prepares the weights (C, 1, KH, KW).
func (p *packer) depthwise(o *op.Conv2d) (*weights, error) {
	s := o.Weight.Shape()
	channels, taps := s[0], s[2]*s[3]
	w := &weights{act: o.Act, depth: alignedFloats(channels * taps), bias: alignedFloats(channels)}
	for c, b := range o.Bias {
		w.bias[c] = float32(b)
	}
	var reader scratch
	row, err := reader.read(o.Weight, 0, channels*taps)
	if err != nil {
		return nil, err
	}
	for c := range channels {
		for t := range taps {
			w.depth[t*channels+c] = float32(scaleOf(o.Scale, c) * row[c*taps+t])
		}
	}
	return w, nil
}

func (p *planner) depthwise(n *op.Node, o *op.Conv2d, w *weights) {
	k := &depthwise{weights: w, in: p.read(n, 0), out: p.write(n, 0), kernel: [2]int(o.Weight.Shape()[2:])}
	if o.Residual == op.SameResidual {
		k.residual = p.read(n, 1)
	}
	k.stride, k.padding, k.dilation, _ = o.Window()
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c*(1+k.kernel[0]*k.kernel[1]/4))
	p.addStep(n, "depthwise", k.out, k)
}

func (k *depthwise) rows(rows int) spans { return k.spans.upTo(rows * k.out.h) }

func (k *depthwise) items(rows int) int { return k.rows(rows).items() }

func (k *depthwise) do(l *lane, rows, i int) {
	d, taps := &l.depth, k.kernel[0]*k.kernel[1]
	offsets := l.ints(2*taps + 1)
	*d = tile.Depth{X: l.mem, Off: offsets[:taps], W: k.weights.depth, WOff: offsets[taps : 2*taps], Bias: k.weights.bias}
	after, here := l.after(k.weights.act), offsets[2*taps:]
	here[0] = 0
	if k.weights.act == op.ReLU {
		d.ReLU = 1
	}
	step := k.stride[1] * k.in.stride
	first, end := k.rows(rows).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		inside := false // the last pixel's window, of which this one's is a copy moved on
		for x := range k.out.w {
			left := x*k.stride[1] - k.padding[1]
			was := inside
			inside = left >= 0 && left+(k.kernel[1]-1)*k.dilation[1] < k.in.w
			if was && inside {
				d.X = d.X[step:]
			} else {
				d.X = l.mem
				k.locate(d, n, y, left)
			}
			d.Y = l.mem[k.out.at(n, y, x):][:k.out.c]
			if k.residual != nil {
				d.R = l.mem[k.residual.at(n, y, x):]
			}
			l.vectors.Depth(d)
			if after != nil {
				after(d.Y, d.Y, here, len(d.Y))
			}
		}
	}
	d.X, d.Y, d.R = nil, nil, nil
}

// locate fills in the taps of row y that are in the image, of the window that
// begins at column left.
func (k *depthwise) locate(d *tile.Depth, n, y, left int) {
	d.Taps = 0
	for u := range k.kernel[0] {
		iy := y*k.stride[0] - k.padding[0] + u*k.dilation[0]
		if uint(iy) >= uint(k.in.h) {
			continue
		}
		for v := range k.kernel[1] {
			if ix := left + v*k.dilation[1]; uint(ix) < uint(k.in.w) {
				d.Off[d.Taps], d.WOff[d.Taps] = k.in.at(n, iy, ix), (u*k.kernel[1]+v)*k.out.c
				d.Taps++
			}
		}
	}
}
