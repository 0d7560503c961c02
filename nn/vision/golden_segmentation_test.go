package vision

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/tensor"
)

// segmentationGolden returns a segmenter with the weights of a golden.
func segmentationGolden(t *testing.T, network string, opts ...Option) *Segmenter {
	t.Helper()
	src, err := procedural.Golden(os.DirFS(testdata), "segmentation/"+network+".json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSegmenter(bg, kernels.CPU(), src, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if a := s.Architecture(); a.Name != network || a.Classes != 21 || a.Task != Segmentation {
		t.Errorf("recognised as %+v", a)
	}
	return s
}

// segmentationImage is what the goldens' networks are given: blocks of 16
// pixels, and noise.
func segmentationImage(t *testing.T) *tensor.Tensor {
	t.Helper()
	const h, w, rows, columns = 97, 129, 7, 9
	x, err := tensor.New(tensor.Float32, 1, 3, h, w)
	if err != nil {
		t.Fatal(err)
	}
	var blocks [3 * rows * columns]float32
	procedural.Fill(blocks[:], "blocks", 2)
	data := floats(t, x)
	procedural.Fill(data, "noise", 0.5)
	for i := range data {
		data[i] += blocks[(i/(h*w)*rows+i/w%h/16)*columns+i%w/16]
	}
	return x
}

// TestSegmentationLogits compares logits with those that torch computes in
// float64, in units of the greatest, and which class is the greatest.
func TestSegmentationLogits(t *testing.T) {
	for _, network := range []string{"fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101",
		"deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"} {
		t.Run(network, func(t *testing.T) {
			var golden struct {
				Shape    tensor.Shape
				Greatest float64
				Error    float64 `json:"float32_error"` // torch's
				Step     int
				Logits   []float64
				Classes  []int // lengths of runs, and their class
			}
			readJSON(t, &golden, "segmentation", network+".json")
			s := segmentationGolden(t, network)
			x := segmentationImage(t)
			y, err := s.Logits(bg, x)
			if err != nil {
				t.Fatal(err)
			}
			if want := append(tensor.Shape{1}, golden.Shape...); !y.Shape().Equal(want) {
				t.Fatalf("%v, want %v", y.Shape(), want)
			}
			got, worst := floats(t, y), 0.0
			for i, want := range golden.Logits {
				worst = max(worst, math.Abs(float64(got[i*golden.Step])-want))
			}
			if !(worst <= 1e-5*golden.Greatest) || len(golden.Logits) != (len(got)+golden.Step-1)/golden.Step {
				t.Errorf("%d logits differ by %.2g of %.3g", len(golden.Logits), worst, golden.Greatest)
			}
			h, w := golden.Shape[1], golden.Shape[2]
			coarse, err := s.coarse(bg, x)
			if err != nil {
				t.Fatal(err)
			}
			l := logitsOf(coarse, floats(t, coarse), 0)
			var classes []byte
			for i := 0; i < len(golden.Classes); i += 2 {
				classes = append(classes, bytes.Repeat([]byte{byte(golden.Classes[i+1])}, golden.Classes[i])...)
			}
			differ := otherClasses(l.greatest(w, h), classes)
			if differ > h*w/1000 {
				t.Errorf("%d of %d pixels are of another class", differ, h*w)
			}
			t.Logf("max error / max |logit| = %.2g (torch in float32: %.2g), %d of %d pixels of another class",
				worst/golden.Greatest, golden.Error, differ, h*w)
		})
	}
}

// otherClasses returns how many elements differ, all if there are not as many.
func otherClasses(a, b []byte) (n int) {
	if len(a) != len(b) {
		return max(len(a), len(b))
	}
	for i, v := range a {
		if v != b[i] {
			n++
		}
	}
	return n
}
