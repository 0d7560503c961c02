package beamio

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// Network is a network of one's own, for [Torch]: Python's model_class, a struct
// whose exported fields are its model_params. It travels as handlers do, as the
// JSON of these fields, and its type is registered with [RegisterNetwork].
//
//	// MLP is fc2(relu(fc1(x))), from 4 numbers to 3.
//	type MLP struct{ Hidden int }
//
//	func (m *MLP) Build(w nn.Weights) nn.Module {
//		return &mlp{nn.NewLinear(w.At("fc1"), 4, m.Hidden), nn.NewLinear(w.At("fc2"), m.Hidden, 3)}
//	}
//
//	type mlp struct{ fc1, fc2 *nn.Linear }
//
//	func (m *mlp) Forward(x nn.Value) nn.Value { return m.fc2.Forward(nn.ReLU(m.fc1.Forward(x))) }
//
// A network may also have a method Validate() error, which is looked at when the
// pipeline is built.
type Network interface {
	// Build makes the network of the tensors of a state_dict; w collects what
	// is missing or of another shape, and loading fails with all of that. It
	// has one float32 input, a batch (N, …), and its outputs have one row for
	// each example (N, …). If the module has a method
	//
	//	Outputs(x nn.Value) []nn.Value
	//
	// that is the network, with several outputs, and Forward is not called.
	Build(w nn.Weights) nn.Module
}

// RegisterNetwork makes the type of a network known to Beam, as [Register] does
// for handlers.
func RegisterNetwork(n Network) {
	runtime.RegisterType(typeOf(n)) // not beam.RegisterType: a network is no row
}

// compile builds a network of exactly the tensors of src and loads it. Its name
// is for errors about the state_dict.
func compile(
	ctx context.Context, b op.Backend, src nn.Source, name string, build func(nn.Weights) nn.Module, opts ...nn.Option,
) (*nn.Network, error) {
	w := nn.NewWeights(src)
	module := build(w)
	if err := w.Err(name); err != nil {
		return nil, err
	}
	if module == nil {
		return nil, fmt.Errorf("the network %s is nil", name)
	}
	forward := func(in ...nn.Value) []nn.Value { return []nn.Value{module.Forward(in[0])} }
	if m, ok := module.(interface{ Outputs(nn.Value) []nn.Value }); ok {
		forward = func(in ...nn.Value) []nn.Value { return m.Outputs(in[0]) }
	}
	net, err := nn.CompileFunc(ctx, b, []tensor.DType{tensor.Float32}, forward, opts...)
	if err == nil && len(net.Graph().Outputs) == 0 {
		err = errors.Join(fmt.Errorf("the network %s has no outputs", name), net.Close())
	}
	if err != nil {
		return nil, err
	}
	return net, nil
}
