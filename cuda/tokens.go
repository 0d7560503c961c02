//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// tokens places what is added to each token, in rows as long as a map's: to the
// class token's position, the class token itself.
func (p *packer) tokens(o *op.Tokens) (weights, error) {
	class, err := numbers(o.Class)
	if err != nil {
		return weights{}, err
	}
	positions, err := numbers(o.Positions)
	if err != nil || len(class) == 0 {
		return weights{}, err
	}
	channels := len(class)
	stride := round(channels, elementOf(p.precision).lanes())
	rows := make([]float64, len(positions)/channels*stride)
	for i, v := range positions[:len(positions)/channels*channels] {
		rows[i/channels*stride+i%channels] = v
	}
	for e, v := range class[:min(channels, len(rows))] {
		rows[e] += v
	}
	return weights{bias: p.vector(rows, len(rows))}, nil
}

// tokens plans the sequence that is made of a picture's patches.
func (p *planner) tokens(n *op.Node, w weights) {
	x, y := p.read(n, 0), p.write(n, 0)
	p.each("tokens_"+y.element.suffix(), y.vectors(),
		x, p.packed(w.bias), y, i64(y.vectors()), i32(y.per()), i32(y.h))
}

// selectPixel plans that one pixel is taken of each image.
func (p *planner) selectPixel(n *op.Node, o *op.Select) {
	x, y := p.read(n, 0), p.write(n, 0)
	p.each("select_pixel", y.vectors(), x, y, i64(y.vectors()), i32(y.per()), i32(x.h*x.w), i32(o.Index))
}
