package kernels

import (
	"slices"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// A product is the kernel of everything with weights: the product of the
// matrix (output pixels × taps and channels of their windows), which is never
// made, with the packed weights (taps and channels × output channels).
//
// It makes the output pixels outFirst + q·outStep for q in size, each from the
// window whose corner is the input pixel inFirst + q·inStep.
type product struct {
	weights *weights
	phase   *phase
	in, out *value

	inFirst, inStep   [2]int // y, x
	outFirst, outStep [2]int
	size              [2]int

	residual *value // nil for none
	nearest  bool   // read it at the nearest pixel instead of the same

	blocks []block // of the sum, in order
	tiles  int     // tiles per item
	strips int     // items that share the panels of the same tiles
	follow bool    // a tile's pixels follow the last one's: fetch them and theirs early
}

// A block is a part of the sum over taps and channels, short enough that the
// weights of a panel stay in the cache from one tile to the next.
type block struct{ tap, taps, k, length int }

const (
	blockLength = 1536      // of the sum: 192 KiB of a panel of 32 channels
	blockBytes  = 512 << 10 // of activations that an item goes over again and again
	nearBytes   = 256 << 10 // of weights, to go over again for each tile: rows of C are written whole
	itemNanos   = 150e3     // that an item should take, at least
	wholeTiles  = 64        // and more: items of few pixels in all near panels, not of many in few
	manyItems   = 32        // are even enough, fewer should be
	evenItems   = 4         // a multiple of this
)

// product completes k.
func (p *planner) product(n *op.Node, k *product, residual op.Residual) *product {
	if residual != op.NoResidual {
		k.residual = p.read(n, len(n.In)-1)
		k.nearest = residual == op.NearestResidual
	}
	w, t := k.phase.panels, k.phase.panels.tile
	k.blocks = blocks(w.taps, w.k, w.k >= farChannels && k.phase.far())
	k.follow = len(k.blocks) == 1 && w.taps == 1 && k.inStep == [2]int{1, 1} && k.size == [2]int{k.in.h, k.in.w}

	area := k.inStep[0] * k.inStep[1] // pixels that each window adds to those before it
	if k.size == [2]int{1, 1} {
		area = w.taps
	}
	bytes := 4 * min(w.k*min(area, w.taps), blockLength)
	total := (k.out.n*k.size[0]*k.size[1] + t.Rows - 1) / t.Rows
	k.tiles = max(1, min(total, blockBytes/max(1, t.Rows*bytes)))
	nanos := 2 * float64(t.Rows*t.Cols*w.taps*w.k) / p.model.tier.GFLOPS
	panels := w.groups * w.count
	each := max(1, min(panels, int(itemNanos/max(1, nanos*float64(k.tiles)))))
	if near := min(panels, k.near(k.blocks[0])); near > 1 && len(k.blocks) == 1 && total >= wholeTiles {
		each = near
		k.tiles = max(1, min(k.tiles, int(itemNanos/max(1, nanos*float64(each)))))
	}
	pieces := (total + k.tiles - 1) / k.tiles
	k.strips = (panels + each - 1) / max(1, each)
	for n := pieces * k.strips; k.strips > 1 && k.strips < panels && n < manyItems && n%evenItems != 0; n += pieces {
		k.strips++
	}
	return k
}

// blocks divides a sum over taps and k: several whole taps, or parts of one. If
// taps are apart each has a block of its own.
func blocks(taps, k int, apart bool) []block {
	if taps == 0 || k == 0 {
		return []block{{0, taps, 0, k}}
	}
	var list []block
	if k <= blockLength {
		each := (taps*k + blockLength - 1) / blockLength // blocks, then taps in each
		if each = (taps + each - 1) / each; apart {
			each = 1
		}
		for t := 0; t < taps; t += each {
			list = append(list, block{t, min(each, taps-t), 0, k})
		}
		return list
	}
	parts := (k + blockLength - 1) / blockLength
	for t := range taps {
		for i := range parts {
			list = append(list, block{t, 1, k * i / parts, k*(i+1)/parts - k*i/parts})
		}
	}
	return list
}

// farPadding is how wide the padding of a convolution is, at least, under which
// whole tiles may lie with a tap: it then adds nothing to them. With fewer than
// farChannels it is not worth while to look at taps one by one.
const (
	farPadding  = 8
	farChannels = 256
)

// far reports whether there are such taps: of convolutions that are much dilated.
func (p *phase) far() bool {
	return len(p.taps) > 1 && min(p.taps[0].y, p.taps[0].x) <= -farPadding
}

// near returns how many panels stay in the cache while tiles go over them.
func (k *product) near(b block) int {
	return max(1, nearBytes/max(1, 4*b.taps*b.length*k.phase.panels.tile.Cols))
}

// spread returns how many pixels, pieces of pixels, and strips of panels there are.
func (k *product) spread(rows int) (pixels, pieces, strips int) {
	w := k.phase.panels
	pixels = rows * k.size[0] * k.size[1]
	per := k.tiles * w.tile.Rows
	return pixels, (pixels + per - 1) / per, k.strips
}

func (k *product) items(rows int) int {
	_, pieces, strips := k.spread(rows)
	return pieces * strips
}

// do computes item i: some pixels in some panels. Pixels are divided evenly,
// so that no tile is left with a single one.
func (k *product) do(l *lane, rows, i int) {
	pixels, pieces, strips := k.spread(rows)
	piece, strip := i/strips, i%strips
	w, t := k.phase.panels, k.phase.panels.tile
	pixel, end := pixels*piece/pieces, pixels*(piece+1)/pieces
	m := end - pixel
	tiles := (m + t.Rows - 1) / t.Rows

	// Offsets of the pixels: [m] of the output, [m] of the residual, and for
	// each tile [tap][its rows] of the input.
	offsets := l.ints(m * (2 + w.taps))
	out, res, in := offsets[:m], offsets[m:2*m], offsets[2*m:]
	for j := range tiles {
		from, to := m*j/tiles, m*(j+1)/tiles
		k.locate(pixel+from, out[from:to], res[from:to], in[from*w.taps:to*w.taps])
	}

	after := l.after(k.weights.act)
	panels := w.groups * w.count
	first, last := panels*strip/strips, panels*(strip+1)/strips
	for _, b := range k.blocks {
		near := k.near(b)
		for p := first; p < last; p += near {
			end := min(p+near, last)
			for j := range tiles {
				from, to := m*j/tiles, m*(j+1)/tiles
				at := in[from*w.taps+b.tap*(to-from):][:b.taps*(to-from)]
				outside := b.taps > 0 && !slices.ContainsFunc(at, func(offset int) bool { return offset != 0 })
				for q := p; q < end; q++ {
					k.bind(l, b, q)
					a := &l.args
					if outside { // nothing to add
						if a.Taps = 0; a.Load == 1 && a.Bias == nil {
							continue
						}
					}
					a.Ahead, a.Step = l.mem, 0
					if k.follow && j+1 < tiles {
						a.Ahead, a.Step = k.ahead(l, q-p, end-p, at[len(at)-1], out[to-1], res[to-1])
					}
					a.Rows, a.AOff, a.COff, a.ROff = to-from, at, out[from:to], res[from:to]
					t.Run(a)
					if after != nil && a.Bias != nil {
						after(a.C, a.C, a.COff, a.Cols)
					}
				}
			}
		}
	}
}

// ahead returns what to fetch in call c of those of a tile, one for each of some
// panels: the next tile's pixels, then, if its rows will be written whole, what
// will be added and stored to. The operands are the last pixel, output and
// residual of this tile.
func (k *product) ahead(l *lane, c, panels, in, out, res int) (from []float32, step int) {
	w := k.phase.panels
	each, at := lineFloats*max(1, w.k), 0 // floats that a call fetches, from at on
	fetch := func(last int, v *value) {
		n := (w.tile.Rows*v.stride + each - 1) / each // calls that v takes
		if 0 <= c && c < n {
			at = last + v.stride + c*each
		}
		c -= n
	}
	fetch(in, k.in)
	if panels == w.groups*w.count && k.outStep == [2]int{1, 1} {
		if k.residual != nil && !k.nearest {
			fetch(res, k.residual)
		}
		fetch(out, k.out)
	}
	if 0 < at && at < len(l.mem) { // not behind the last, shorter tile of all
		return l.mem[at:], tile.AheadStep
	}
	return l.mem, 0
}

// bind sets the operands of a tile that do not depend on the pixels: block b
// of the sum for panel p, counted through all groups.
func (k *product) bind(l *lane, b block, p int) {
	w, a := k.phase.panels, &l.args
	group, panel := p/w.count, p%w.count
	column := panel * w.tile.Cols
	channel := group*w.channels + column
	a.Cols = min(w.tile.Cols, w.channels-column)
	a.Taps, a.K = b.taps, b.length
	a.A = l.mem[group*w.k+b.k:]
	a.B = w.panel(group, panel)[(b.tap*w.k+b.k)*w.tile.Cols:]
	a.C = l.mem[channel:]
	a.Load, a.ReLU, a.R, a.Bias = 1, 0, nil, nil
	if b.tap == 0 && b.k == 0 {
		a.Load = 0
	}
	if b.tap+b.taps == w.taps && b.k+b.length == w.k { // the last
		a.Bias = k.weights.bias[p*w.tile.Cols:][:w.tile.Cols]
		if k.residual != nil {
			a.R = l.mem[channel:]
		}
		if k.weights.act == op.ReLU {
			a.ReLU = 1
		}
	}
}

// locate fills in the offsets of output pixels first, first+1, …: of the
// pixel, of its residual, and of the pixels under each tap, [tap][pixel].
// Taps outside the image are at 0, where the arena has zeros.
func (k *product) locate(first int, out, res, in []int) {
	n, q := first/(k.size[0]*k.size[1]), first%(k.size[0]*k.size[1])
	y, x := q/k.size[1], q%k.size[1]
	for rows, r := len(out), 0; r < rows; {
		run := min(rows-r, k.size[1]-x) // pixels of one row of the image
		oy, ox := k.outFirst[0]+y*k.outStep[0], k.outFirst[1]+x*k.outStep[1]
		spread(out[r:][:run], k.out.at(n, oy, ox), k.outStep[1]*k.out.stride)
		switch {
		case k.residual == nil:
		case k.nearest:
			for i := range run {
				res[r+i] = k.residual.nearest(n, oy, ox+i*k.outStep[1], k.out)
			}
		default:
			spread(res[r:][:run], k.residual.at(n, oy, ox), k.outStep[1]*k.residual.stride)
		}
		iy, ix := k.inFirst[0]+y*k.inStep[0], k.inFirst[1]+x*k.inStep[1]
		for t, tap := range k.phase.taps {
			d := in[t*rows+r:][:run]
			ty, tx := iy+tap.y, ix+tap.x
			switch end := tx + (run-1)*k.inStep[1]; {
			case uint(ty) >= uint(k.in.h):
				clear(d)
			case tx >= 0 && end < k.in.w:
				spread(d, k.in.at(n, ty, tx), k.inStep[1]*k.in.stride)
			default:
				for i := range d {
					d[i] = 0
					if x := tx + i*k.inStep[1]; uint(x) < uint(k.in.w) {
						d[i] = k.in.at(n, ty, x)
					}
				}
			}
		}
		r += run
		if x, y = 0, y+1; y == k.size[0] {
			y, n = 0, n+1
		}
	}
}

// spread fills s with numbers from first on, step apart.
func spread(s []int, first, step int) {
	for i := range s {
		s[i] = first
		first += step
	}
}
