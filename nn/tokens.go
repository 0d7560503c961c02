package nn

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// Tokens makes a sequence of the features of a picture's patches: a class token
// and the patches, with embeddings of their positions. See [op.Tokens].
type Tokens struct {
	layer
	op op.Tokens
}

// NewTokens makes tokens of n channels for pictures of a size, height and width.
// Class is a tensor of n numbers, positions one of n numbers for each token,
// the class token's first; their shapes may have axes of 1 besides. W is
// where they were read from.
func NewTokens(w Weights, n int, class, positions *tensor.Tensor, size [2]int) *Tokens {
	reshaped := func(t *tensor.Tensor, shape ...int) *tensor.Tensor {
		if r, err := t.Reshape(shape...); err == nil {
			return r
		}
		return t
	}
	return &Tokens{layer{w}, op.Tokens{
		Class:     reshaped(class, n),
		Positions: reshaped(positions, positions.Len()/max(n, 1), n),
		Size:      size,
	}}
}

// Apply returns the tokens of a picture: its features x, (N, n, h, w), and the
// picture itself, (N, 3, H, W), of which the size is checked, → (N, n, h·w+1, 1).
func (l *Tokens) Apply(x, picture Value) Value {
	o := l.op
	return l.layer.apply(&o, x, picture)
}
