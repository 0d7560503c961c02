package vision

import (
	"slices"
	"testing"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// TestTaps: results between layers are given to those who asked for them, and answers stay what they are.
func TestTaps(t *testing.T) {
	src := proceduralClassifier(t, "resnet18")
	x, err := tensor.New(tensor.Float32, 1, 3, 64, 64)
	if err != nil {
		t.Fatal(err)
	}
	logits := func(opts ...Option) []float32 {
		k, err := NewClassifier(bg, kernels.CPU(), src, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		y, err := k.Logits(bg, x)
		if err != nil {
			t.Fatal(err)
		}
		return floats(t, y)
	}
	var first, second []string
	receive := func(into *[]string) func(nn.Tap, *tensor.Tensor) {
		return func(tap nn.Tap, y *tensor.Tensor) { *into = append(*into, tap.Path+" "+y.Shape().String()) }
	}
	tapped := logits(WithTaps(receive(&first), "bn1", "fc"), WithTaps(receive(&second), "layer4.1.bn2", "fc", "none"))
	want, wantToo := []string{"bn1 (1, 64, 32, 32)", "fc (1, 1000)"}, []string{"layer4.1.bn2 (1, 512, 2, 2)", "fc (1, 1000)"}
	if !slices.Equal(first, want) || !slices.Equal(second, wantToo) {
		t.Errorf("got %v and %v, want %v and %v", first, second, want, wantToo)
	}
	if !slices.Equal(tapped, logits()) {
		t.Error("other logits with taps")
	}
}
