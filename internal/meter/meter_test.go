package meter

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

var testdata = os.DirFS("../../testdata")

// TestResNet holds the operations of a ResNet-50 against the published number, 4.09·10⁹ multiply-adds.
func TestResNet(t *testing.T) {
	src, err := procedural.Classifier(testdata, "resnet50")
	if err != nil {
		t.Fatal(err)
	}
	m := New(kernels.CPU())
	c, err := vision.NewClassifier(t.Context(), m, src)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	x := filled(t, 1, 3, 224, 224)
	for range 2 {
		y, err := c.Logits(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		if y.Shape().Len() != 1000 {
			t.Errorf("logits %v", y.Shape())
		}
		flops, conv := int64(0), 0
		layers := m.Take()
		for _, l := range layers {
			flops += l.FLOPs
			if l.Op == "conv2d" {
				conv++
			}
			if l.Runs != 1 || l.Time <= 0 {
				t.Errorf("%+v", l)
			}
		}
		if conv != 53 || math.Abs(float64(flops)-2*4.09e9) > 0.01e9 {
			t.Errorf("%d convolutions, %d operations", conv, flops)
		}
		if first, last := layers[0], layers[len(layers)-1]; first.Op != "input" || last.Op != "output" {
			t.Errorf("from %+v to %+v", first, last)
		}
		if l := layers[1]; l.Path != "conv1" || l.FLOPs != 2*64*112*112*147 {
			t.Errorf("%+v", l)
		}
	}
	if rest := m.Take(); len(rest) > 0 {
		t.Errorf("%d layers without a run", len(rest))
	}
}

// TestCounts runs a network of which only some rows are meaningful: three of five boxes.
func TestCounts(t *testing.T) {
	weight := filled(t, 7, 4)
	m := New(kernels.CPU())
	inputs := []tensor.DType{tensor.Float32, tensor.Int32, tensor.Float32}
	align := op.RoIAlign{Size: 1, Sampling: 2, Scales: []float64{1}, CanonicalScale: 224, CanonicalLevel: 4}
	w := nn.NewWeights(source{"fc.weight": weight, "fc.bias": filled(t, 7)})
	fc := nn.NewLinear(w.At("fc"), 4, 7)
	net, err := nn.CompileFunc(t.Context(), m, inputs, func(in ...nn.Value) []nn.Value {
		return []nn.Value{fc.Forward(nn.Flatten(nn.RoIAlign("pool", align, in[0], in[1], in[2])))}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	counts, err := tensor.Of([]int32{1, 2}, 2)
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Run(context.Background(), filled(t, 2, 5, 4), counts, filled(t, 2, 4, 6, 6))
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 1 || !out[0].Shape().Equal(tensor.Shape{10, 7}) {
		t.Errorf("%d outputs, %v", len(out), out[0].Shape())
	}
	want := map[string]int64{"fc": 2 * 3 * 7 * 4, "pool": 3 * 4 * 4 * 8}
	for _, l := range m.Take() {
		if l.FLOPs != want[l.Path] {
			t.Errorf("%s: %d operations, want %d", l.Path, l.FLOPs, want[l.Path])
		}
		delete(want, l.Path)
	}
	if len(want) > 0 {
		t.Errorf("not measured: %v", want)
	}
}

// TestKeepsNoWeights: a model that is measured keeps no more memory than another.
func TestKeepsNoWeights(t *testing.T) {
	g := &op.Graph{
		Inputs: []op.Input{{Value: 0, DType: tensor.Float32}}, Values: 2, Outputs: []op.Value{1},
		Nodes: []op.Node{{Path: "fc", Op: &op.Linear{Weight: filled(t, 7, 4)}, In: []op.Value{0}, Out: []op.Value{1}}},
	}
	l, err := New(kernels.CPU()).Load(t.Context(), g, op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if w := l.(*model).graph.Nodes[0].Op.(*op.Linear).Weight; len(w.Bytes()) > 0 {
		t.Errorf("%d bytes of %v are kept", len(w.Bytes()), w)
	}
}

// TestErrors wants the other backend's errors.
func TestErrors(t *testing.T) {
	m := New(kernels.CPU())
	if m.Name() != kernels.CPU().Name() {
		t.Errorf("name %q", m.Name())
	}
	g := &op.Graph{Inputs: []op.Input{{Value: 0, DType: tensor.Float32}}, Values: 1, Outputs: []op.Value{0}}
	if _, err := m.Load(t.Context(), g, op.Options{Precision: 99}); err == nil {
		t.Error("an unknown precision: no error")
	}
}

// source is a checkpoint in memory.
type source map[string]*tensor.Tensor

func (s source) Keys() []string {
	var keys []string
	for k := range s {
		keys = append(keys, k)
	}
	return keys
}

func (s source) Tensor(key string) (*tensor.Tensor, error) { return s[key], nil }

func filled(t *testing.T, shape ...int) *tensor.Tensor {
	t.Helper()
	data := make([]float32, tensor.Shape(shape).Len())
	procedural.Fill(data, "input", 1)
	x, err := tensor.Of(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
