package nn_test

import (
	"context"
	"fmt"
	"log"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

// net is the whole of a user's own network: PyTorch's
// Sequential(Linear(1, 2), ReLU(), Linear(2, 1)) with names.
type net struct{ fc1, fc2 *nn.Linear }

func newNet(w nn.Weights) *net {
	return &net{fc1: nn.NewLinear(w.At("fc1"), 1, 2), fc2: nn.NewLinear(w.At("fc2"), 2, 1)}
}

func (n *net) Forward(x nn.Value) nn.Value { return n.fc2.Forward(nn.ReLU(n.fc1.Forward(x))) }

func tensorOf(data []float32, shape ...int) *tensor.Tensor {
	t, err := tensor.Of(data, shape...)
	if err != nil {
		log.Fatal(err)
	}
	return t
}

// A network that knows the five times table. Here the loops of optest run it;
// with kernels.CPU() in their place it is fast.
func Example() {
	ctx := context.Background()
	w := nn.NewWeights(memory{
		"fc1.weight": tensorOf([]float32{1, -1}, 2, 1), "fc1.bias": tensorOf([]float32{0, 0}, 2),
		"fc2.weight": tensorOf([]float32{5, -5}, 1, 2), "fc2.bias": tensorOf([]float32{0}, 1),
	})
	five := newNet(w)
	if err := w.Err("FiveTimes"); err != nil {
		log.Fatal(err)
	}
	network, err := nn.Compile(ctx, optest.Reference(), five)
	if err != nil {
		log.Fatal(err)
	}
	out, err := network.Run(ctx, tensorOf([]float32{20, 30, -4}, 3, 1))
	if err != nil {
		log.Fatal(err)
	}
	y, err := tensor.Data[float32](out[0])
	fmt.Println(out[0], y, err)
	// Output: float32 (3, 1) [100 150 -20] <nil>
}

// A checkpoint that does not fit is reported as a whole, in PyTorch's words.
func ExampleWeights_Err() {
	w := nn.NewWeights(memory{
		"fc1.weight": tensorOf([]float32{1, -1}, 2, 1), "fc1.bias": tensorOf([]float32{0}, 1),
		"fc2.weight": tensorOf([]float32{5, -5}, 1, 2), "fc3.bias": tensorOf([]float32{0}, 1),
	})
	newNet(w)
	fmt.Printf("%q\n", w.Err("FiveTimes").Error())
	// Output: "Error(s) in loading state_dict for FiveTimes:\n\tMissing key(s) in state_dict: \"fc2.bias\". \n\tUnexpected key(s) in state_dict: \"fc3.bias\". \n\tsize mismatch for fc1.bias: copying a param with shape torch.Size([1]) from checkpoint, the shape in current model is torch.Size([2])."
}

// The fused network shows what will run.
func ExampleNetwork_Dump() {
	w := nn.NewWeights(memory{
		"fc1.weight": tensorOf([]float32{1, -1}, 2, 1), "fc1.bias": tensorOf([]float32{0, 0}, 2),
		"fc2.weight": tensorOf([]float32{5, -5}, 1, 2), "fc2.bias": tensorOf([]float32{0}, 1),
	})
	network, err := nn.Compile(context.Background(), optest.Reference(), newNet(w))
	if err != nil {
		log.Fatal(err)
	}
	var text textWriter
	err = network.Dump(&text)
	fmt.Print(text, err)
	// Output:
	// %0 = input float32
	// %2 = linear(%0) fc1 +bias +relu
	// %3 = linear(%2) fc2 +bias
	// return %3
	// <nil>
}

// textWriter collects what is written to it.
type textWriter string

func (t *textWriter) Write(b []byte) (int, error) {
	*t += textWriter(b)
	return len(b), nil
}
