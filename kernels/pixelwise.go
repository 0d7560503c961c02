package kernels

import "github.com/argand-go/argand/nn/op"

// pixelwise is what kernels share that go over their output pixel by pixel.
type pixelwise struct {
	out   *value
	spans spans // of pixels
}

func (p *planner) pixelwise(n *op.Node) pixelwise {
	out := p.write(n, 0)
	return pixelwise{out, spansOf(out.n*out.h*out.w, out.c)}
}

func (k *pixelwise) pixels(rows int) spans { return k.spans.upTo(rows * k.out.h * k.out.w) }

func (k *pixelwise) items(rows int) int { return k.pixels(rows).items() }
