//go:build linux && cgo && !nocuda

package cuda

import (
	"math"

	"github.com/argand-go/argand/nn/op"
)

// The blocks of attention: their threads, the queries that they have, and how
// many channels of a head.
const (
	attentionThreads = 256
	attentionTokens  = 32
	attentionDepth   = 96
)

// attention plans a block for some queries of a head, and for each part of the
// channels of a long one.
func (p *planner) attention(n *op.Node, o *op.Attention) {
	x, y := p.read(n, 0), p.write(n, 0)
	tokens, d := y.h*y.w, y.c/o.Heads
	tiles := (tokens + attentionTokens - 1) / attentionTokens
	parts := (d + attentionDepth - 1) / attentionDepth
	p.launch("attention_"+y.element.suffix(),
		[3]uint32{uint32(y.n * o.Heads * tiles * parts)}, [3]uint32{attentionThreads},
		x, y, i32(tokens), i32(x.stride), i32(y.stride), i32(y.c), i32(d), i32(tiles), i32(parts),
		f32(1/math.Sqrt(float64(d))))
}
