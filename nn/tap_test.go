package nn_test

import (
	"context"
	"slices"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op/optest"
)

// shared applies one layer twice.
type shared struct{ fc *nn.Linear }

func (s shared) Forward(x nn.Value) nn.Value {
	return nn.Sigmoid(s.fc.Forward(nn.ReLU(s.fc.Forward(x))))
}

// TestTaps looks at the sums of a layer that is applied twice and absorbs what follows it.
func TestTaps(t *testing.T) {
	w := nn.NewWeights(memory{"fc.weight": of(t, []float32{-2}, 1, 1), "fc.bias": of(t, []float32{1}, 1)})
	net := shared{nn.NewLinear(w.At("fc"), 1, 1)}
	x := of(t, []float32{3, -1}, 2, 1)
	run := func(opts ...nn.Option) (*nn.Network, [][]float32) {
		n, err := nn.Compile(context.Background(), optest.Reference(), net, opts...)
		if err != nil {
			t.Fatal(err)
		}
		out, err := n.Run(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		var all [][]float32
		for _, y := range out {
			all = append(all, floats(t, y))
		}
		return n, all
	}
	plain, want := run()
	tapped, got := run(nn.WithTaps("fc"), nn.WithTaps("no such layer", "fc/relu"))
	taps := []nn.Tap{{Path: "fc"}, {Path: "fc/relu"}, {Path: "fc", Call: 1}}
	if len(plain.Taps()) != 0 || !slices.Equal(tapped.Taps(), taps) {
		t.Errorf("got %v and %v, want none and %v", plain.Taps(), tapped.Taps(), taps)
	}
	if want = append(want, []float32{-5, 3}, []float32{0, 3}, []float32{1, -5}); !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
}
