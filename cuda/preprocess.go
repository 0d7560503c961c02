//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// preprocess places what bytes are once normalised.
func (p *packer) preprocess(o *op.Preprocess) weights {
	var list []float64
	for _, channel := range o.Values {
		for _, v := range channel {
			list = append(list, float64(v))
		}
	}
	return weights{values: p.vector(list, len(list))}
}

// preprocess plans that pictures become an image: they come to the device as
// they were decoded.
func (p *planner) preprocess(n *op.Node, w weights) {
	pictures, sizes, image, scaled := p.read(n, 0), p.read(n, 1), p.write(n, 0), p.write(n, 1)
	blocks := max((image.h*image.w+threads-1)/threads, 1) // one at least, for the sizes
	if image.n == 0 {
		return
	}
	p.launch("preprocess_"+image.element.suffix(), [3]uint32{uint32(blocks), uint32(image.n)}, [3]uint32{threads},
		pictures, sizes, p.packed(w.values), image, scaled,
		i64(pictures.spec.Shape[1]), i32(image.h), i32(image.w), i32(scaled.stride))
}
