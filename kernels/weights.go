package kernels

import (
	"github.com/argand-go/argand/nn/op"
)

// weights returns what o keeps, nil if that is nothing. maker is the operator
// that made the image that a linear layer's operand was flattened from, nil if
// the operand is no such thing.
func (p *packer) weights(o, maker op.Op) (*weights, error) {
	switch o := o.(type) {
	case *op.Conv2d:
		return p.conv2d(o)
	case *op.ConvTranspose2d:
		return p.convTranspose2d(o), nil
	case *op.Linear:
		return p.linear(o, maker), nil
	case *op.LayerNorm:
		return newLayerNorm(o)
	case *op.Tokens:
		return newTokens(o)
	case *op.BatchNorm2d:
		return newBatchNorm2d(o)
	case *op.L2Norm:
		return newL2Norm(o)
	}
	return nil, nil
}

// fits reports whether an epilogue has as many numbers as there are channels.
func fits(e *op.Epilogue, channels int) bool {
	return (e.Scale == nil || len(e.Scale) == channels) && (e.Bias == nil || len(e.Bias) == channels)
}
