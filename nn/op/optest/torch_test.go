package optest

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// packed is a tensor of testdata/torch.json, little-endian.
type packed struct {
	DType string
	Shape []int
	Data  []byte
}

func (p packed) tensor(t *testing.T) *tensor.Tensor {
	t.Helper()
	for _, d := range tensor.DTypes() {
		if d.String() == p.DType {
			x, err := tensor.FromBytes(d, p.Shape, p.Data, nil)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
	}
	t.Fatalf("no type %q", p.DType)
	return nil
}

// TestTorch holds the loops to PyTorch and torchvision themselves.
func TestTorch(t *testing.T) {
	file, err := os.ReadFile("testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens []struct {
		Name             string
		In, Out, Weights []packed
		Attributes       struct {
			Scales                  []float64
			NMS, Minimum, Threshold float64
			Post, Limit             int
		}
	}
	if err := json.Unmarshal(file, &goldens); err != nil {
		t.Fatal(err)
	}
	square := [4]float32{-16, -16, 16, 16}
	for _, g := range goldens {
		t.Run(g.Name, func(t *testing.T) {
			all := func(ps []packed) (ts []*tensor.Tensor) {
				for _, p := range ps {
					ts = append(ts, p.tensor(t))
				}
				return ts
			}
			w, a := all(g.Weights), g.Attributes
			bias := func() op.Epilogue {
				e := op.Epilogue{}
				for _, b := range floats(w[1]) {
					e.Bias = append(e.Bias, float64(b))
				}
				return e
			}
			limit := tolerance{rms: 3e-7, max: 3e-7}
			var o op.Op
			switch g.Name {
			case "conv2d":
				o = &op.Conv2d{Weight: w[0], Stride: [2]int{2, 1}, Padding: [2]int{1, 2}, Dilation: [2]int{1, 3}, Groups: 2,
					Epilogue: bias()}
			case "conv_transpose2d":
				o = &op.ConvTranspose2d{Weight: w[0], Stride: [2]int{2, 3}, Padding: [2]int{1, 0}, Epilogue: bias()}
			case "linear":
				e := bias()
				e.Act = op.Sigmoid
				o = &op.Linear{Weight: w[0], Epilogue: e}
			case "batch_norm":
				o = &op.BatchNorm2d{Weight: w[0], Bias: w[1], Mean: w[2], Var: w[3], Eps: 1e-3}
			case "mul":
				o = &op.Mul{}
			case "relu", "sigmoid", "silu", "hardswish", "hardsigmoid", "relu6", "gelu":
				act := op.ReLU
				for act.String() != g.Name {
					act++
				}
				o = &op.Activation{Act: act}
			case "max_pool2d":
				o, limit = &op.MaxPool2d{Kernel: [2]int{3, 2}, Stride: [2]int{2, 3}, Padding: [2]int{1, 1}}, tolerance{}
			case "interpolate":
				o, limit = &op.Upsample{}, tolerance{}
			case "interpolate bilinear":
				o = &op.Upsample{Bilinear: true}
			case "cat":
				o, limit = &op.Concat{}, tolerance{}
			case "roi_align":
				o = &op.RoIAlign{Size: 7, Sampling: 2, Scales: a.Scales, CanonicalScale: 64, CanonicalLevel: 4}
				limit = tolerance{rms: 2e-6, max: 2e-6}
			case "group_norm":
				e := bias()
				for _, s := range floats(w[0]) {
					e.Scale = append(e.Scale, float64(s))
				}
				o = &op.GroupNorm{Groups: 3, Eps: 1e-3, Epilogue: e}
			case "retinanet at once", "retinanet class by class", "fcos":
				d := &op.DenseDetections{Candidates: a.Post, ScoreThreshold: 0.05, NMSThreshold: a.Threshold, Max: a.Limit,
					Centerness: g.Name == "fcos"}
				for range 2 { // levels
					d.Anchors = append(d.Anchors, [][4]float32{square, {-32, -32, 32, 32}})
					if d.Centerness {
						d.Anchors[len(d.Anchors)-1] = [][4]float32{square}
					}
				}
				o, limit = d, selection
			case "mask_select":
				o = &op.MaskSelect{}
			case "keypoints":
				o, limit = &op.Keypoints{Scale: 1}, tolerance{}
			case "detections at once", "detections class by class":
				o, limit = &op.Detections{ScoreThreshold: 0.05, NMSThreshold: a.Threshold, MinSize: 1e-2, Max: a.Limit,
					Weights: [4]float32{10, 10, 5, 5}}, selection
			default:
				p := &op.Proposals{PreNMS: 1000, PostNMS: a.Post, NMSThreshold: a.NMS, MinSize: a.Minimum}
				for range (len(g.In) - 2) / 2 {
					p.Anchors = append(p.Anchors, [][4]float32{square})
				}
				o, limit = p, tolerance{}
			}
			got, err := runOnce(Reference(), op.Options{}, one(o, all(g.In)...))
			if err != nil {
				t.Fatal(err)
			}
			if err := compareAll(limit, got, all(g.Out)); err != nil {
				t.Error(err)
			}
		})
	}
}
