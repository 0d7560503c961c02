package kernels

import (
	"math"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// An attention is the kernel of Attention: for the queries of a tile the
// products with all keys, their softmax while it is in L1, and the products of
// that with the values. The matrix of all scores is never made.
//
// Keys and values are packed as weights are, for each picture and head by the
// step before: keys [panel of tokens][d][Cols], values [panel of d][token][Cols].
type attention struct {
	out, x *value
	heads  int
	d      int // channels of a head
	tokens int
	tile   *tile.Tile
	packed *value // [picture][head][keys, then values]
	keys   int    // floats of the keys of a head
	all    int    // and of its values
	pieces int    // items that share the queries of a head
}

func (p *planner) attention(n *op.Node, o *op.Attention) {
	k := &attention{out: p.write(n, 0), x: p.read(n, 0), heads: o.Heads}
	k.d, k.tokens, k.tile = k.out.c/o.Heads, k.out.h*k.out.w, p.model.tier.For(k.out.c/o.Heads)
	k.keys = k.panels(k.tokens) * k.d * k.tile.Cols
	k.all = k.keys + k.panels(k.d)*k.tokens*k.tile.Cols
	k.packed = p.scratch(k.out.n * k.heads * k.all)
	nanos := 4 * float64(k.tokens) * float64(k.tokens) * float64(k.d) / p.model.tier.GFLOPS
	k.pieces = max(1, min((k.tokens+k.tile.Rows-1)/k.tile.Rows, int(nanos/itemNanos)))
	p.addStep(n, "", k.out, headPacking{k})
	p.program.steps[len(p.program.steps)-1].begins = true
	p.addStep(n, k.tile.Name, k.out, k)
}

// panels returns how many a matrix of n columns has.
func (k *attention) panels(n int) int { return (n + k.tile.Cols - 1) / k.tile.Cols }

// head returns the packed keys and values of a head of a picture.
func (k *attention) head(l *lane, i int) (keys, values []float32) {
	all := l.mem[k.packed.off+i*k.all:][:k.all]
	return all[:k.keys], all[k.keys:]
}

// A headPacking is the kernel of the step before an attention's. An item is a
// head of a picture.
type headPacking struct{ *attention }

func (k headPacking) items(rows int) int {
	if k.tokens == 0 {
		return 0
	}
	return rows * k.heads
}

func (k headPacking) do(l *lane, _, i int) {
	n, head := i/k.heads, i%k.heads
	keys, values := k.head(l, i)
	clear(keys[(k.tokens/k.tile.Cols)*k.d*k.tile.Cols:]) // beyond the last token
	cols := k.tile.Cols
	for j := range k.tokens {
		token := l.mem[k.x.at(n, 0, 0)+j*k.x.stride:]
		to := keys[j/cols*k.d*cols+j%cols:]
		for c, v := range token[k.out.c+head*k.d:][:k.d] {
			to[c*cols] = v
		}
		from := token[2*k.out.c+head*k.d:][:k.d]
		for panel := range k.panels(k.d) {
			to := values[(panel*k.tokens+j)*cols:][:cols]
			clear(to[copy(to, from[panel*cols:]):])
		}
	}
}

func (k *attention) items(rows int) int { return headPacking{k}.items(rows) * k.pieces }

func (k *attention) do(l *lane, _, i int) {
	item, piece := i/k.pieces, i%k.pieces
	n, head := item/k.heads, item%k.heads
	keys, values := k.head(l, item)
	first, end := k.tokens*piece/k.pieces, k.tokens*(piece+1)/k.pieces
	tiles := (end - first + k.tile.Rows - 1) / k.tile.Rows
	distance := strideFor(k.tokens) // of rows of scores
	scores := l.floats(k.tile.Rows * distance)
	offsets := l.ints(3 * k.tile.Rows)
	scale := float32(1 / math.Sqrt(float64(k.d)))
	a := &l.args
	*a = tile.Args{Taps: 1, Ahead: l.mem}
	for t := range tiles {
		from, to := first+(end-first)*t/tiles, first+(end-first)*(t+1)/tiles
		a.Rows = to - from
		queries, rows, out := offsets[:a.Rows], offsets[k.tile.Rows:][:a.Rows], offsets[2*k.tile.Rows:][:a.Rows]
		spread(queries, k.x.at(n, 0, 0)+from*k.x.stride+head*k.d, k.x.stride)
		spread(rows, 0, distance)
		spread(out, k.out.at(n, 0, 0)+from*k.out.stride+head*k.d, k.out.stride)
		k.multiply(a, l.mem, queries, keys, k.d, scores, rows, k.tokens)
		for _, at := range rows {
			l.vectors.Softmax(scores[at:][:k.tokens], scale)
		}
		k.multiply(a, scores, rows, values, k.tokens, l.mem, out, k.d)
	}
	*a = tile.Args{}
}

// multiply stores the product of rows of a matrix, depth numbers each, and a
// packed matrix of so many columns.
func (k *attention) multiply(
	a *tile.Args, from []float32, rows []int, packed []float32, depth int, to []float32, out []int, columns int,
) {
	a.A, a.AOff, a.COff, a.K = from, rows, out, depth
	for panel := range k.panels(columns) {
		column := panel * k.tile.Cols
		a.B, a.C, a.Cols = packed[column*depth:], to[column:], min(k.tile.Cols, columns-column)
		k.tile.Run(a)
	}
}
