//go:build linux && cgo && !nocuda

package cuda

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
)

// A tile is a kernel of ours for products: how much of y a block makes.
type tile struct {
	name            string // of the kernel
	pixels, columns int
	threads         int
	resident        int // blocks that a multiprocessor has at once
	precision       op.Precision
}

// tiles are all kernels for products. A kernel exists by being here.
var tiles = []tile{
	{"conv2d_f32_128x64", 128, 64, 128, 3, op.Float32},
	{"conv2d_f32_64x64", 64, 64, 128, 4, op.Float32},
	{"conv2d_tf32_128x128", 128, 128, 128, 2, op.TensorFloat32},
	{"conv2d_tf32_128x64", 128, 64, 128, 3, op.TensorFloat32},
	{"conv2d_tf32_64x64", 64, 64, 128, 4, op.TensorFloat32},
	{"conv2d_bf16_128x128", 128, 128, 128, 2, op.BFloat16},
	{"conv2d_bf16_128x64", 128, 64, 128, 3, op.BFloat16},
	{"conv2d_bf16_64x64", 64, 64, 128, 4, op.BFloat16},
	{"conv2d_f16_128x128", 128, 128, 128, 2, op.Float16},
	{"conv2d_f16_128x64", 128, 64, 128, 3, op.Float16},
	{"conv2d_f16_64x64", 64, 64, 128, 4, op.Float16},
}

// A variant is a way to compute a product with kernels of ours: a tile, and how
// many blocks share the depth of an element of y. More than one write their sums
// to memory, and a second kernel adds these up, always in the same order.
type variant struct {
	*tile
	splits int
	depth  int // of a split
}

// label returns what the profile calls it.
func (v variant) label() string {
	if v.splits == 1 {
		return v.name
	}
	return fmt.Sprintf("%s/split%d", v.name, v.splits)
}

// A machine is what the choice of a variant depends on besides the product.
type machine struct {
	capability      [2]int
	multiprocessors int
}

const (
	// mostSplits is the greatest number of splits, and leastDepth the least depth
	// of one that is worth a split: a block that is done sooner waits for memory
	// for most of its time.
	mostSplits = 32
	leastDepth = 256

	// depthStep is what the depth of a split is a multiple of: what all kernels
	// take at a time, and more.
	depthStep = 64

	// secondKernel is what a second kernel costs in cycles: to start it when the
	// first has ended, some 2 µs.
	secondKernel = 3500
	// beginning is what a block costs before its first and after its last product:
	// the way of operands and results from and to memory.
	beginning = 1500
)

// rate returns how many products of the tile's kind a multiprocessor adds up in a
// cycle. mma.sync, which these kernels use, reaches about 60 % of what is new on
// capability 9.0.
func (m machine) rate(t *tile) float64 {
	fast := 512.0 // 7.5 and 8.6: products of 16 bits
	switch {
	case t.precision == op.Float32:
		return 128
	case m.capability == [2]int{8, 0}:
		fast = 1024
	case m.capability[0] >= 9:
		fast = 1200
	}
	if t.precision == op.TensorFloat32 {
		return fast / 2
	}
	return fast
}

// cycles estimates how long a variant takes for a product. The multiprocessor
// with most blocks is what everybody waits for: with 49 pixels a layer of 2,048
// channels has 32 blocks of 128×64, and a GPU of 132 multiprocessors is idle but
// for these, for as long as one takes for the whole depth. Blocks of half the size
// and splits of the depth fill it; they cost more reading, and a second kernel.
func (m machine) cycles(v variant, q *product) float64 {
	blocks := ceil(q.rows(), v.pixels) * ceil(q.stride, v.columns) * v.splits
	most := ceil(blocks, max(m.multiprocessors, 1)) // on one multiprocessor

	// One step of a block's depth: its products, or bringing its operands from the
	// second-level cache at 48 bytes per cycle.
	compute := float64(v.pixels*v.columns) / m.rate(v.tile)
	bring := float64((v.pixels+v.columns)*elementOf(v.precision).size()) / 48
	busy := max(compute, bring) * float64(min(v.depth, q.depth()))
	if most < v.resident {
		busy *= 1.4 // nobody else computes while it waits at a barrier
	}
	total := float64(most)*busy + beginning*math.Ceil(float64(most)/float64(v.resident))
	if v.splits > 1 {
		moved := 4 * float64(q.rows()*q.columns) * float64(2*v.splits+1) // bytes, of all multiprocessors
		total += secondKernel + moved/float64(32*max(m.multiprocessors, 1))
	}
	return total
}

// variants returns a variant of each tile for a product, the best first, as the
// machine's cycles say. It sees the product of one picture: the same layer sums up
// in the same order in any batch.
func (m machine) variants(q product) []variant {
	var list []variant
	best, least := 0, math.Inf(1)
	for i := range tiles {
		t := &tiles[i]
		if t.precision != q.precision {
			continue
		}
		var chosen variant
		cost := math.Inf(1)
		for splits := 1; splits <= mostSplits; splits++ {
			depth := round(max(ceil(q.depth(), splits), 1), depthStep)
			v := variant{t, max(ceil(q.depth(), depth), 1), depth}
			if splits > 1 && depth < leastDepth {
				break
			}
			if c := m.cycles(v, &q); c < cost {
				chosen, cost = v, c
			}
		}
		if cost < least {
			best, least = len(list), cost
		}
		list = append(list, chosen)
	}
	list[0], list[best] = list[best], list[0]
	return list
}

func ceil(a, b int) int { return (a + b - 1) / b }
