//go:build linux && cgo && !nocuda

package cuda_test

import (
	"context"
	"flag"
	"math"
	"os"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

var full = flag.Bool("full", false, "run what takes long, too")

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestResNet holds whole networks against the CPU's: an error of 1e-5 of the greatest logit is twice what the two differ
// by in the order of their sums.
func TestResNet(t *testing.T) {
	fake := fakedriver.New(t)
	gpu := open(t, fake)
	for _, c := range []struct {
		model     string
		n, h, w   int
		expensive bool
	}{
		{"resnet18", 2, 40, 33, false},
		{"resnet50", 1, 32, 32, false},
		{"resnext50_32x4d", 1, 64, 64, true},
		{"resnet50", 3, 64, 96, true},
	} {
		t.Run(c.model, func(t *testing.T) {
			if c.expensive && !*full {
				t.Skip("NOT RUN without -full")
			}
			weights, err := procedural.Classifier(os.DirFS("../testdata"), c.model)
			if err != nil {
				t.Fatal(err)
			}
			x := must(tensor.New(tensor.Float32, c.n, 3, c.h, c.w))
			procedural.Fill(must(tensor.Data[float32](x)), "pictures", 2)
			logits := func(b op.Backend) []float32 {
				net, err := nn.Compile(context.Background(), b, vision.NewResNet(nn.NewWeights(weights), nn.DefaultEps))
				if err != nil {
					t.Fatal(err)
				}
				out, err := net.Run(context.Background(), x)
				if err != nil {
					t.Fatal(err)
				}
				if err := net.Close(); err != nil {
					t.Error(err)
				}
				return must(tensor.Data[float32](out[0]))
			}
			got, want := logits(gpu), logits(kernels.CPU())
			var worst, scale float64
			for i, v := range want {
				worst, scale = max(worst, math.Abs(float64(got[i])-float64(v))), max(scale, math.Abs(float64(v)))
			}
			t.Logf("%d×3×%d×%d: %d logits differ by at most %.2g of the greatest", c.n, c.h, c.w, len(want), worst/scale)
			if !(worst <= 1e-5*scale) {
				t.Errorf("an error of %.3g of %.3g", worst, scale)
			}
		})
	}
}
