package kernels

import (
	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// A winograd is the kernel of 3×3 convolutions of stride 1 that are large
// enough, by minimal filtering (see winograd.go of package tile): 2.25 times
// less work than the product, counting what is computed beyond the borders.
//
// Tiles of 4×4 output pixels go through it a few at a time, so that their
// transforms stay in the cache: an item transforms its tiles' patches, and for
// each panel multiplies 36 times (tiles × channels) by the panel's weights and
// transforms the products back, with the epilogue.
type winograd struct {
	weights  *weights
	in, out  *value
	residual *value // nil for none
	padding  [2]int
	quads    [2]int // tiles down and across
	tiles    int    // per item
	panels   int    // per item
}

const (
	// winogradTiles is how many tiles an item takes at most. Of 256 channels
	// their transforms fill two thirds of a 1 MiB L2 cache, and the weights of
	// a panel are read from L3 once for all of them. 12 and 24 were up to 5 and
	// 10 % slower, 48 by half.
	winogradTiles = 18

	// winogradItems is how many items a step is divided into at least, by
	// giving them some panels only; each then transforms its patches anew.
	winogradItems = 4

	// winogradLeast is the least number of tiles of an image that is worth it.
	// It is the image's, not the batch's: a result must not depend on the batch.
	winogradLeast = 16

	// winogradChannels is the least number of channels, in and out. With fewer
	// the transforms take longer than the products save.
	winogradChannels = 32

	// winogradWeights is the most numbers of transformed weights, 4 times as
	// many as there were: reading more costs more than it saves on the small
	// images that layers of so many channels have.
	winogradWeights = 4 << 20
)

// transform adds the weights (O, C, 3, 3) for winograd to w, if o is a
// convolution that it may be used for.
func (p *packer) transform(o *op.Conv2d, w *weights) {
	stride, _, dilation, groups := o.Window()
	s, one := o.Weight.Shape(), [2]int{1, 1}
	if s[2] != 3 || s[3] != 3 || stride != one || dilation != one || groups != 1 ||
		o.Act == op.Sigmoid || o.Residual == op.NearestResidual ||
		min(s[0], s[1]) < winogradChannels || tile.Frequencies*s[0]*s[1] > winogradWeights {
		return
	}
	from := source{tensor: o.Weight, scale: o.Scale, out: s[1] * 9, in: 9, filter: true}
	from.taps = make([]int, tile.Frequencies)
	w.filters = p.add(from, 1, s[0], s[1], [4]int{})
}

// winogradPays reports whether images of h×w output pixels have enough tiles.
func winogradPays(h, w int) bool { return (h+3)/4*((w+3)/4) >= winogradLeast }

// winograd plans a convolution that has filters.
func (p *planner) winograd(n *op.Node, o *op.Conv2d, w *weights) {
	k := &winograd{weights: w, in: p.read(n, 0), out: p.write(n, 0), padding: o.Padding}
	if o.Residual == op.SameResidual {
		k.residual = p.read(n, 1)
	}
	k.quads = [2]int{(k.out.h + 3) / 4, (k.out.w + 3) / 4}
	k.tiles, k.panels = winogradTiles, 1
	u := w.filters
	_, pieces, _ := k.spread(k.out.n)
	strips := max(1, min(u.count, winogradItems/max(1, pieces)))
	k.panels = (u.count + strips - 1) / strips
	p.addStep(n, "winograd4x4_"+u.tile.Name, k.out, k)
}

// spread returns how many tiles, pieces of tiles and pieces of panels there are.
func (k *winograd) spread(rows int) (tiles, pieces, strips int) {
	tiles = rows * k.quads[0] * k.quads[1]
	return tiles, (tiles + k.tiles - 1) / k.tiles, (k.weights.filters.count + k.panels - 1) / k.panels
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

	// Both transforms are [36][m][channels]. The distance of pixels keeps that
	// of frequencies off multiples of 4 KiB.
	distance := strideFor(u.k)
	scratch := l.floats(tile.Frequencies * m * (distance + t.Cols))
	patches, products := scratch[:tile.Frequencies*m*distance], scratch[tile.Frequencies*m*distance:]

	offsets := l.ints(36 + m*(2+16+16))
	patch, offsets := offsets[:36], offsets[36:]
	from, to, offsets := offsets[:m], offsets[m:2*m], offsets[2*m:]
	out, res := offsets[:16*m], offsets[16*m:]
	p := &l.patch
	p.X, p.Off, p.Stride, p.N = l.mem, patch, m*distance, u.k
	p.Ahead = 4 * k.in.stride
	for j := range m {
		k.locate(first+j, patch, out[16*j:16*j+16], res[16*j:16*j+16])
		p.V = patches[j*distance:]
		l.vectors.Patch(p)
		from[j], to[j] = j*distance, j*t.Cols
	}
	for panel := strip * k.panels; panel < min((strip+1)*k.panels, u.count); panel++ {
		k.multiply(l, panel, m, from, to, patches, products)
		k.finish(l, panel, m, out, res, products)
	}
}

// multiply computes the products of one panel, frequency by frequency.
func (k *winograd) multiply(l *lane, panel, m int, from, to []int, patches, products []float32) {
	u, t := k.weights.filters, k.weights.filters.tile
	b := u.panel(0, panel)
	l.args = tile.Args{Cols: t.Cols, Taps: 1, K: u.k, Ahead: patches}
	a := &l.args
	runs := (m + t.Rows - 1) / t.Rows
	for f := range tile.Frequencies {
		a.A, a.B, a.C = patches[f*len(patches)/tile.Frequencies:], b[f*u.k*t.Cols:], products[f*m*t.Cols:]
		for r := range runs {
			lo, hi := m*r/runs, m*(r+1)/runs
			a.Rows, a.AOff, a.COff = hi-lo, from[lo:hi], to[lo:hi]
			t.Run(a)
		}
	}
}

// finish transforms one panel's products back.
func (k *winograd) finish(l *lane, panel, m int, out, res []int, products []float32) {
	u, t := k.weights.filters, k.weights.filters.tile
	column := panel * t.Cols
	q := &l.quad
	q.Ahead = 4 * k.out.stride
	q.Stride, q.N = m*t.Cols, min(t.Cols, u.channels-column)
	q.Bias = k.weights.bias[column:]
	q.Y, q.R, q.ReLU = l.mem[column:], nil, 0
	if k.residual != nil {
		q.R = l.mem[column:]
	}
	if k.weights.act == op.ReLU {
		q.ReLU = 1
	}
	for j := range m {
		q.M, q.YOff, q.ROff = products[j*t.Cols:], out[16*j:16*j+16], res[16*j:16*j+16]
		l.vectors.Quad(q)
	}
}

// locate fills in the offsets of the pixels of one tile: of its patch, 0 where
// the arena has zeros for padding, of its outputs, −1 outside the image, and
// of their residuals.
func (k *winograd) locate(t int, patch, out, res []int) {
	area := k.quads[0] * k.quads[1]
	n, y, x := t/area, t%area/k.quads[1]*4, t%k.quads[1]*4
	for i := range patch {
		iy, ix := y+i/6-k.padding[0], x+i%6-k.padding[1]
		patch[i] = 0
		if uint(iy) < uint(k.in.h) && uint(ix) < uint(k.in.w) {
			patch[i] = k.in.at(n, iy, ix)
		}
	}
	for i := range out {
		oy, ox := y+i/4, x+i%4
		out[i], res[i] = -1, 0
		if oy < k.out.h && ox < k.out.w {
			out[i] = k.out.at(n, oy, ox)
			if k.residual != nil {
				res[i] = k.residual.at(n, oy, ox)
			}
		}
	}
}
