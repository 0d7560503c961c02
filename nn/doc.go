// Package nn provides layers and networks.
//
// A network is written as in its paper: a struct of layers and a Forward
// method. Construction is loading: a layer's constructor reads its tensors
// from a view of a checkpoint ([Weights]) whose path is the layer's name.
//
//	type net struct{ fc1, fc2 *nn.Linear }
//
//	func newNet(w nn.Weights) *net {
//		return &net{
//			fc1: nn.NewLinear(w.At("fc1"), 1, 8),
//			fc2: nn.NewLinear(w.At("fc2"), 8, 1),
//		}
//	}
//
//	func (n *net) Forward(x nn.Value) nn.Value { return n.fc2.Forward(nn.ReLU(n.fc1.Forward(x))) }
//
// Forward does not compute. [Compile] calls it once with a [Value] that
// records what is done to it, fuses what was recorded, and has a backend
// (kernels.CPU(), or a GPU) pack the weights. The compiled [Network] then runs
// at any input shape, from any number of goroutines. Each new shape costs only
// a memory plan.
//
// A Value has no data and no shape. Code that wants a shape wants an operator
// with a second operand, as in Upsample(x, like).
package nn
