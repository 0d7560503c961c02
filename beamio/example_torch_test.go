package beamio_test

import (
	"context"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// MLP is a network of one's own: Python's model_class, its fields model_params.
type MLP struct{ Hidden int }

// Build reads the layers of torch.nn.Linear(4, hidden) and (hidden, 3).
func (m *MLP) Build(w nn.Weights) nn.Module {
	return &mlp{nn.NewLinear(w.At("fc1"), 4, m.Hidden), nn.NewLinear(w.At("fc2"), m.Hidden, 3)}
}

type mlp struct{ fc1, fc2 *nn.Linear }

// Forward is PyTorch's forward.
func (m *mlp) Forward(x nn.Value) nn.Value { return m.fc2.Forward(nn.ReLU(m.fc1.Forward(x))) }

// Vector is a step that makes tensors of rows.
type Vector struct{}

// Do makes one.
func (Vector) Do(_ context.Context, row []float32) (beamio.Tensor, error) {
	t, err := tensor.Of(row, len(row))
	return beamio.Tensor{Tensor: t}, err
}

// printScores prints the first output, which has 3 numbers.
func printScores(r beamio.PredictionResult[[]float32, []beamio.Tensor]) {
	scores, err := r.Inference[0].Float32s()
	fmt.Printf("%v: %.2f %v\n", r.Example, scores, err)
}

func printRefused(f beamio.Failure[[]float32]) { fmt.Println(f.Example, f.Stage, f.Error) }

func init() {
	beamio.Register(&beamio.Torch{})
	beamio.Register(&beamio.Preprocess[[]float32, beamio.Tensor, []beamio.Tensor]{})
	beamio.RegisterNetwork(&MLP{})
	beamio.RegisterStep(&Vector{})
	register.Function1x0(printScores)
	register.Function1x0(printRefused)
}

// A network of one's own, with weights saved by torch.save(model.state_dict(), …),
// and a step before it: Python's PytorchModelHandlerTensor.
func ExampleTorch() {
	p, s, rows := ptest.CreateList([][]float32{{1, 2, 3, 4}, {-1, 0, 0, 1}, {5}})
	h := &beamio.Preprocess[[]float32, beamio.Tensor, []beamio.Tensor]{
		Fn:      &Vector{},
		Handler: &beamio.Torch{Model: "testdata/torch/mlp.pth", Network: &MLP{Hidden: 8}},
	}
	results, failures := beamio.RunInferenceDLQ(s, h, rows)
	beam.ParDo0(s, printScores, results)
	beam.ParDo0(s, printRefused, failures)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// [1 2 3 4]: [-0.49 -0.98 0.01] <nil>
	// [-1 0 0 1]: [-0.08 -0.07 -0.09] <nil>
	// [5] inference fc1: linear: got float32 (1, 1); want float32 (N, 4)
}
