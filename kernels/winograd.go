package kernels

import (
	"fmt"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// A Convolution is a way to compute 3×3 convolutions of stride 1. Winograd's
// ways do with fewer products, and round differently.
type Convolution int

const (
	// Auto is the fastest way by a table of channels: Winograd's F(4×4, 3×3),
	// 4 times fewer products, or where its weights would be too many F(2×2,
	// 3×3), or direct where there are few channels. It depends on nothing else,
	// so that results do not depend on the batch or the moment, and only one
	// form of the weights is kept. BenchmarkConvolutionChoice tells where another
	// way is faster: of the layers of Mask R-CNN, for 512 channels at 25×38.
	Auto Convolution = iota
	// Direct is the sum of products as it is written.
	Direct
	// F2 is Winograd's F(2×2, 3×3) for all but few channels: 2.25 times fewer
	// products, and rounding errors below those of Direct.
	F2

	// f4 is F(4×4, 3×3) whatever its weights, for the benchmark that Auto's
	// choice is held against.
	f4
)

const (
	// winogradChannels is the least number of channels, in and out. With fewer
	// the transforms take longer than the products save.
	winogradChannels = 32

	// winogradDilation is the greatest dilation: the dilated layers of a ResNet for
	// segmentation have 2 and 4. With more, few of the taps of a large map are
	// inside it, and the product leaves out the others.
	winogradDilation = 4

	// winogradWeights is the most numbers of weights transformed for tiles of
	// 4×4, 4 times as many as there were: reading more costs more than it saves
	// on the small images that layers of so many channels have.
	winogradWeights = 4 << 20

	// An item takes tiles of so many output pixels at most, 18 of 4×4, and of
	// so many floats of transformed patches: of 256 channels they fill two
	// thirds of a 1 MiB L2 cache, and the weights of a panel are read from L3
	// once for all of them. 12 and 24 tiles were up to 5 and 10 % slower, 48 by
	// half.
	winogradPixels = 18 * 16
	winogradFloats = 18 * 36 * 272

	// winogradItems is how many items a step is divided into at least, by
	// giving them some panels only; each then transforms its patches anew,
	// unless there are so few that a step before does it for all.
	winogradItems = 4
)

// edge returns the output pixels a side of the tiles for o, 0 if it is to be
// computed directly.
func (c Convolution) edge(o *op.Conv2d) int {
	stride, _, dilation, groups := o.Window()
	s, one := o.Weight.Shape(), [2]int{1, 1}
	switch {
	case c == Direct || s[2] != 3 || s[3] != 3 || stride != one || groups != 1,
		max(dilation[0], dilation[1]) > winogradDilation,
		o.Residual == op.NearestResidual, min(s[0], s[1]) < winogradChannels:
		return 0
	case c == F2, c != f4 && 36*s[0]*s[1] > winogradWeights:
		return 2
	}
	return 4
}

// A winograd is the kernel of 3×3 convolutions of stride 1 by minimal
// filtering (see winograd.go of package tile): 4 or 2.25 times less work than
// the product, but for what is computed beyond the borders.
//
// Tiles of 4×4 or 2×2 output pixels go through it a few at a time, so that
// their transforms stay in the cache: an item transforms its tiles' patches,
// and for each panel multiplies 36 or 16 times (tiles × channels) by the
// panel's weights and transforms the products back, with the epilogue.
//
// A dilated convolution is one without dilation of each phase: of the image of
// every second pixel of every second row, for a dilation of 2, which there are
// four of. A tile is of one phase.
type winograd struct {
	weights  *weights
	in, out  *value
	residual *value // nil for none
	padding  [2]int
	dilation [2]int
	edge     int    // output pixels of a tile, a side
	phases   [2]int // down and across
	quads    [2]int // tiles of a phase, down and across
	tiles    int    // per item
	strips   int    // items that share the panels of the same tiles
	patches  *value // transformed by the step before; nil if each item transforms its own

	transforms *tile.Winograd
}

// winograd prepares the weights (O, C, 3, 3).
func (p *packer) winograd(o *op.Conv2d, edge int) *weights {
	s := o.Weight.Shape()
	from := source{tensor: o.Weight, scale: o.Scale, out: s[1] * 9, in: 9, edge: edge}
	from.taps = make([]int, (edge+2)*(edge+2))
	filters := p.add(from, 1, s[0], s[1], [4]int{})
	return &weights{filters: filters, edge: edge, bias: padBias(o.Bias, filters), act: o.Act}
}

// winograd plans a convolution that has filters.
func (p *planner) winograd(n *op.Node, o *op.Conv2d, w *weights) {
	k := &winograd{weights: w, in: p.read(n, 0), out: p.write(n, 0), padding: o.Padding, edge: w.edge}
	if o.Residual == op.SameResidual {
		k.residual = p.read(n, 1)
	}
	k.transforms = &p.model.tier.F4
	if k.edge == 2 {
		k.transforms = &p.model.tier.F2
	}
	_, _, k.dilation, _ = o.Window()
	for i, size := range [2]int{k.out.h, k.out.w} {
		k.phases[i] = min(k.dilation[i], size)
		k.quads[i] = (size + k.dilation[i]*k.edge - 1) / (k.dilation[i] * k.edge)
	}
	u := w.filters
	k.tiles, k.strips = max(1, min(winogradPixels/(k.edge*k.edge), winogradFloats/(u.taps*strideFor(u.k)))), 1
	tiles, pieces, _ := k.spread(k.out.n)
	k.strips = max(1, min(u.count, winogradItems/max(1, pieces)))
	if pieces == 1 {
		k.strips = u.count
		k.patches = p.scratch(u.taps * tiles * strideFor(u.k))
		p.addStep(n, "", k.out, transformation{k})
		p.program.steps[len(p.program.steps)-1].begins = true
	}
	p.addStep(n, fmt.Sprintf("winograd%dx%[1]d_%s", k.edge, u.tile.Name), k.out, k)
}

// spread returns how many tiles, pieces of tiles and strips of panels there are.
func (k *winograd) spread(rows int) (tiles, pieces, strips int) {
	tiles = rows * k.perImage()
	return tiles, (tiles + k.tiles - 1) / k.tiles, k.strips
}

func (k *winograd) items(rows int) int {
	_, pieces, strips := k.spread(rows)
	return pieces * strips
}

func (k *winograd) do(l *lane, rows, i int) {
	tiles, pieces, strips := k.spread(rows)
	piece, strip := i/strips, i%strips
	u, t := k.weights.filters, k.weights.filters.tile
	first, end := tiles*piece/pieces, tiles*(piece+1)/pieces
	m := end - first

	// Both transforms are [36 or 16][m][channels]. The distance of pixels keeps that
	// of frequencies off multiples of 4 KiB.
	distance := strideFor(u.k)
	own := u.taps * m * distance
	if k.patches != nil {
		own = 0
	}
	scratch := l.floats(own + u.taps*m*t.Cols)
	patches, products := scratch[:own], scratch[own:]
	if k.patches != nil {
		patches = l.mem[k.patches.off:][:u.taps*m*distance]
	} else {
		k.transform(l, first, m, patches, m*distance)
	}

	area := k.edge * k.edge
	offsets := l.ints(m * (2 + 2*area))
	from, to, offsets := offsets[:m], offsets[m:2*m], offsets[2*m:]
	out, res := offsets[:area*m], offsets[area*m:]
	for j := range m {
		k.locate(first+j, out[area*j:][:area], res[area*j:][:area])
		from[j], to[j] = j*distance, j*t.Cols
	}
	for panel := u.count * strip / strips; panel < u.count*(strip+1)/strips; panel++ {
		k.multiply(l, panel, m, from, to, patches, products)
		k.finish(l, panel, m, out, res, products)
	}
}

// transform transforms the patches of m tiles; frequencies are stride apart.
func (k *winograd) transform(l *lane, first, m int, patches []float32, stride int) {
	u := k.weights.filters
	p, offsets := &l.patch, l.ints(u.taps)
	p.X, p.Off, p.Stride, p.N = l.mem, offsets, stride, u.k
	p.Ahead = k.edge * k.dilation[1] * k.in.stride
	for j := range m {
		k.locatePatch(first+j, offsets)
		p.V = patches[j*strideFor(u.k):]
		k.transforms.Patch(p)
	}
}

// A transformation is the kernel of the step before a winograd's whose tiles
// are so few that all their patches are transformed first, once for all items.
type transformation struct{ *winograd }

// transformationTiles is how many an item takes, some 10 µs.
const transformationTiles = 4

func (k transformation) items(rows int) int {
	return (rows*k.perImage() + transformationTiles - 1) / transformationTiles
}

func (k transformation) do(l *lane, rows, i int) {
	tiles, distance := rows*k.perImage(), strideFor(k.weights.filters.k)
	first := i * transformationTiles
	m := min(transformationTiles, tiles-first)
	k.transform(l, first, m, l.mem[k.patches.off+first*distance:], tiles*distance)
}

// multiply computes the products of one panel, frequency by frequency.
func (k *winograd) multiply(l *lane, panel, m int, from, to []int, patches, products []float32) {
	u, t := k.weights.filters, k.weights.filters.tile
	b := u.panel(0, panel)
	l.args = tile.Args{Cols: t.Cols, Taps: 1, K: u.k, Ahead: patches}
	a := &l.args
	runs := (m + t.Rows - 1) / t.Rows
	for f := range u.taps {
		a.A, a.B, a.C = patches[f*len(patches)/u.taps:], b[f*u.k*t.Cols:], products[f*m*t.Cols:]
		for r := range runs {
			lo, hi := m*r/runs, m*(r+1)/runs
			a.Rows, a.AOff, a.COff = hi-lo, from[lo:hi], to[lo:hi]
			a.Ahead, a.Step = patches, 0
			// Fetch the next frequency's weights, half of them in each of two calls.
			if at := (panel*u.taps+f+1)*u.k*t.Cols + r*u.k*lineFloats; r*lineFloats < t.Cols && at < len(u.data) {
				a.Ahead, a.Step = u.data[at:], tile.AheadStep
			}
			t.Run(a)
		}
	}
}

// finish transforms one panel's products back.
func (k *winograd) finish(l *lane, panel, m int, out, res []int, products []float32) {
	u, t := k.weights.filters, k.weights.filters.tile
	column := panel * t.Cols
	q := &l.quad
	q.Ahead = k.edge * k.dilation[1] * k.out.stride
	q.Stride, q.N = m*t.Cols, min(t.Cols, u.channels-column)
	q.Bias = k.weights.bias[column:]
	q.Y, q.R, q.ReLU = l.mem[column:], nil, 0
	if k.residual != nil {
		q.R = l.mem[column:]
	}
	if k.weights.act == op.ReLU {
		q.ReLU = 1
	}
	area := k.edge * k.edge
	after := l.after(k.weights.act)
	for j := range m {
		q.M, q.YOff, q.ROff = products[j*t.Cols:], out[area*j:][:area], res[area*j:][:area]
		k.transforms.Quad(q)
		if after != nil {
			after(q.Y, q.Y, q.YOff, q.N)
		}
	}
}

// locatePatch fills in the offsets of the pixels of one tile's patch, 0 where
// the arena has zeros for padding.
func (k *winograd) locatePatch(t int, patch []int) {
	wide := k.edge + 2
	n, y, x := k.corner(t)
	for i := range patch {
		iy, ix := y+i/wide*k.dilation[0]-k.padding[0], x+i%wide*k.dilation[1]-k.padding[1]
		patch[i] = 0
		if uint(iy) < uint(k.in.h) && uint(ix) < uint(k.in.w) {
			patch[i] = k.in.at(n, iy, ix)
		}
	}
}

// locate fills in the offsets of the output pixels of one tile, −1 outside the
// image, and of their residuals.
func (k *winograd) locate(t int, out, res []int) {
	n, y, x := k.corner(t)
	for i := range out {
		oy, ox := y+i/k.edge*k.dilation[0], x+i%k.edge*k.dilation[1]
		out[i], res[i] = -1, 0
		if oy < k.out.h && ox < k.out.w {
			out[i] = k.out.at(n, oy, ox)
			if k.residual != nil {
				res[i] = k.residual.at(n, oy, ox)
			}
		}
	}
}

// perImage returns how many tiles an image has.
func (k *winograd) perImage() int { return k.phases[0] * k.phases[1] * k.quads[0] * k.quads[1] }

// corner returns the first output pixel of a tile.
func (k *winograd) corner(t int) (n, y, x int) {
	n, t = t/k.perImage(), t%k.perImage()
	phase, t := t/(k.quads[0]*k.quads[1]), t%(k.quads[0]*k.quads[1])
	y = phase/k.phases[1] + t/k.quads[1]*k.edge*k.dilation[0]
	x = phase%k.phases[1] + t%k.quads[1]*k.edge*k.dilation[1]
	return n, y, x
}
