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
	runs                      bool  // pixels are computed seven at a time
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
	p.model.zeros = max(p.model.zeros, channels)
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
	fast := k.kernel[1] == 3 || k.kernel[1] == 5 || k.kernel[1] == 7
	k.runs = fast && k.stride[1] == 1 && k.dilation[1] == 1 && k.out.w >= tile.RunPixels
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c*(1+k.kernel[0]*k.kernel[1]/4))
	p.addStep(n, "depthwise", k.out, k)
}

func (k *depthwise) rows(rows int) spans { return k.spans.upTo(rows * k.out.h) }

func (k *depthwise) items(rows int) int { return k.rows(rows).items() }

func (k *depthwise) do(l *lane, rows, i int) {
	if k.runs {
		k.doRuns(l, rows, i)
		return
	}
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

// doRuns computes item i seven neighbouring pixels at a time; the last of a row
// may be some that were computed already.
func (k *depthwise) doRuns(l *lane, rows, i int) {
	width := k.kernel[1] + tile.RunPixels - 1
	offsets := l.ints(k.kernel[0]*width + tile.RunPixels)
	windows, pixels := offsets[:k.kernel[0]*width], offsets[k.kernel[0]*width:]
	spread(pixels, 0, k.out.stride)
	d := &l.depthRun
	*d = tile.DepthRun{X: l.mem, Step: k.out.c, YStep: k.out.stride, Bias: k.weights.bias, N: k.out.c}
	if k.weights.act == op.ReLU {
		d.ReLU = 1
	}
	after := l.after(k.weights.act)
	first, end := k.rows(rows).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		top := y*k.stride[0] - k.padding[0]
		for x := 0; x < k.out.w; x += tile.RunPixels {
			x := min(x, k.out.w-tile.RunPixels)
			k.locateRun(d, windows, n, top, x-k.padding[1])
			d.Y = l.mem[k.out.at(n, y, x):]
			if k.residual != nil {
				d.R, d.RStep = l.mem[k.residual.at(n, y, x):], k.residual.stride
			}
			l.vectors.DepthRun(d, k.kernel[1])
			if after != nil {
				after(d.Y, d.Y, pixels, k.out.c)
			}
		}
	}
	*d = tile.DepthRun{}
}

// locateRun fills in the pixels under the rows of the kernel that are in the
// image, of the windows whose first begins at row top and column left. Pixels
// beside the image are at 0, where the arena has zeros.
func (k *depthwise) locateRun(d *tile.DepthRun, windows []int, n, top, left int) {
	width := k.kernel[1] + tile.RunPixels - 1
	d.Rows, d.W = 0, k.weights.depth
	for u := range k.kernel[0] {
		iy := top + u*k.dilation[0]
		if uint(iy) >= uint(k.in.h) {
			continue
		}
		if d.Rows == 0 {
			d.W = k.weights.depth[u*k.kernel[1]*k.out.c:]
		}
		for p := range width {
			at := 0
			if ix := left + p; uint(ix) < uint(k.in.w) {
				at = k.in.at(n, iy, ix)
			}
			windows[d.Rows*width+p] = at
		}
		d.Rows++
	}
	d.Off = windows
}
