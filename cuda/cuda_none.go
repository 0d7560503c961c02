//go:build !linux || !cgo || nocuda

package cuda

import (
	"context"

	"github.com/argand-go/argand/nn/op"
)

// Backend is the GPU of a program that was built with CUDA. This one was not:
// there is no Backend but the zero one, which loads nothing.
type Backend struct{}

// Open returns [ErrNotBuilt].
func Open(Options) (*Backend, error) { return nil, ErrNotBuilt }

// Name implements [op.Backend].
func (*Backend) Name() string { return "cuda" }

// Err returns [ErrNotBuilt].
func (*Backend) Err() error { return ErrNotBuilt }

// String returns the name.
func (*Backend) String() string { return "cuda" }

// Load implements [op.Backend]: it returns [ErrNotBuilt].
func (*Backend) Load(context.Context, *op.Graph, op.Options) (op.Model, error) {
	return nil, ErrNotBuilt
}

// Close does nothing.
func (*Backend) Close() error { return nil }

// EngineChoices returns nothing.
func (*Backend) EngineChoices() []EngineChoice { return nil }
