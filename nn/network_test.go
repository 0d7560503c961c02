package nn_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

// memory is a checkpoint that a user keeps in a map.
type memory map[string]*tensor.Tensor

func (m memory) Keys() (keys []string) {
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m memory) Tensor(key string) (*tensor.Tensor, error) {
	if t, ok := m[key]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("no tensor %q", key)
}

func of(t *testing.T, data []float32, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.Of(data, shape...)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// ramp returns a tensor whose numbers go up and down around 0.
func ramp(t *testing.T, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.Data[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	for i := range v {
		v[i] = float32(math.Sin(float64(3*i)+0.5)) / 2
	}
	return x
}

func floats(t *testing.T, x *tensor.Tensor) []float32 {
	t.Helper()
	v, err := tensor.Data[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// block is torchvision's basic block, as a user writes it.
type block struct {
	conv1, conv2, shortcut *nn.Conv2d
	bn1, bn2, bn3          *nn.BatchNorm2d
}

func newBlock(w nn.Weights, in, out int) *block {
	return &block{
		conv1:    nn.NewConv2d(w.At("conv1"), in, out, nn.Conv{Kernel: 3, Stride: 2, Padding: 1}),
		bn1:      nn.NewBatchNorm2d(w.At("bn1"), out, nn.DefaultEps),
		conv2:    nn.NewConv2d(w.At("conv2"), out, out, nn.Conv{Kernel: 3, Padding: 1}),
		bn2:      nn.NewBatchNorm2d(w.At("bn2"), out, nn.DefaultEps),
		shortcut: nn.NewConv2d(w.At("downsample.0"), in, out, nn.Conv{Kernel: 1, Stride: 2}),
		bn3:      nn.NewBatchNorm2d(w.At("downsample.1"), out, nn.DefaultEps),
	}
}

func (b *block) Forward(x nn.Value) nn.Value {
	identity := b.bn3.Forward(b.shortcut.Forward(x))
	y := nn.ReLU(b.bn1.Forward(b.conv1.Forward(x)))
	y = b.bn2.Forward(b.conv2.Forward(y))
	return nn.ReLU(nn.Add(y, identity))
}

func blockWeights(t *testing.T, in, out int) memory {
	m := memory{
		"conv1.weight": ramp(t, out, in, 3, 3), "conv2.weight": ramp(t, out, out, 3, 3), "downsample.0.weight": ramp(t, out, in, 1, 1),
	}
	for _, bn := range []string{"bn1", "bn2", "downsample.1"} {
		m[bn+".weight"], m[bn+".bias"], m[bn+".running_mean"] = ramp(t, out), ramp(t, out), ramp(t, out)
		v := ramp(t, out)
		for i := range floats(t, v) {
			floats(t, v)[i] += 1
		}
		m[bn+".running_var"] = v
	}
	return m
}

func compile(t *testing.T, m nn.Module, opts ...nn.Option) *nn.Network {
	t.Helper()
	n, err := nn.Compile(context.Background(), optest.Reference(), m, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestBlockIsThreeNodes(t *testing.T) {
	w := nn.NewWeights(blockWeights(t, 3, 4))
	b := newBlock(w, 3, 4)
	if err := w.Err("Block"); err != nil {
		t.Fatal(err)
	}
	var profile op.Profile
	n := compile(t, b, nn.WithProfile(&profile), nn.WithThreads(1), nn.WithArenaBytes(1<<20))
	var dump strings.Builder
	if err := n.Dump(&dump); err != nil {
		t.Fatal(err)
	}
	want := `%0 = input float32
%2 = conv2d(%0) downsample.0 +scale +bias
%5 = conv2d(%0) conv1 +scale +bias +relu
%9 = conv2d(%5, %2) conv2 +scale +bias +residual +relu
return %9
`
	if dump.String() != want {
		t.Errorf("got\n%swant\n%s", dump.String(), want)
	}
	out, err := n.Run(context.Background(), ramp(t, 2, 3, 7, 6))
	if err != nil || len(out) != 1 || !out[0].Shape().Equal(tensor.Shape{2, 4, 4, 3}) {
		t.Fatalf("got %v, %v", out, err)
	}
	if len(profile.Steps()) != 3 || len(n.Graph().Nodes) != 3 {
		t.Errorf("%d steps ran, %d nodes", len(profile.Steps()), len(n.Graph().Nodes))
	}
	if got := n.Bytes(); got != 4*(4*3*9+4*4*9+4*3) {
		t.Errorf("the weights take %d bytes", got)
	}
	// The same, layer by layer.
	apart, err := nn.Trace([]tensor.DType{tensor.Float32}, func(in ...nn.Value) []nn.Value { return []nn.Value{b.Forward(in[0])} })
	if err != nil || len(apart.Nodes) != 9 {
		t.Fatalf("%v, %v", apart, err)
	}
}

func TestOutputs(t *testing.T) {
	n := compile(t, newBlock(nn.NewWeights(blockWeights(t, 3, 4)), 3, 4))
	specs, err := n.Outputs(tensor.Shape{5, 3, 9, 8})
	if err != nil || len(specs) != 1 || !specs[0].Equal(op.F32(5, 4, 5, 4)) {
		t.Errorf("got %v, %v", specs, err)
	}
	_, err = n.Outputs(tensor.Shape{5, 4, 9, 8})
	if e, ok := errors.AsType[*op.ShapeError](err); !ok || e.Path != "downsample.0" {
		t.Errorf("got %v", err)
	}
	_, err = n.Outputs()
	if _, ok := errors.AsType[*op.OperandError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestRunInto(t *testing.T) {
	ctx := context.Background()
	n := compile(t, newBlock(nn.NewWeights(blockWeights(t, 3, 4)), 3, 4))
	x, y := ramp(t, 1, 3, 8, 8), ramp(t, 1, 4, 4, 4)
	tensors := func(ts ...*tensor.Tensor) []*tensor.Tensor { return ts }
	if err := n.RunInto(ctx, tensors(y), tensors(x)); err != nil {
		t.Fatal(err)
	}
	again, err := n.Run(ctx, x)
	if err != nil || !slices.Equal(floats(t, again[0]), floats(t, y)) {
		t.Errorf("Run and RunInto differ, %v", err)
	}
	integers, err := tensor.New(tensor.Int32, 1, 3, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		out, in []*tensor.Tensor
		kind    string
		index   int
	}{
		{"nothing", nil, nil, "input", -1},
		{"no output", nil, tensors(x), "output", -1},
		{"two outputs", tensors(y, y), tensors(x), "output", -1},
		{"two inputs", tensors(y), tensors(x, x), "input", -1},
		{"a nil input", tensors(y), tensors(nil), "input", 0},
		{"a nil output", tensors(nil), tensors(x), "output", 0},
		{"integers", tensors(y), tensors(integers), "input", 0},
		{"an output of another shape", tensors(x), tensors(x), "output", 0},
	} {
		err := n.RunInto(ctx, c.out, c.in)
		if e, ok := errors.AsType[*op.OperandError](err); !ok || e.Kind != c.kind || e.Index != c.index {
			t.Errorf("%s: want an OperandError of %s %d, got %v", c.name, c.kind, c.index, err)
		}
	}
	if err := n.RunInto(ctx, tensors(y), tensors(ramp(t, 1, 5, 8, 8))); err == nil {
		t.Error("five channels ran")
	} else if _, ok := errors.AsType[*op.ShapeError](err); !ok {
		t.Errorf("five channels: %v", err)
	}
	for name, in := range map[string][]*tensor.Tensor{"nil": tensors(nil), "none": nil, "integers": tensors(integers)} {
		_, err := n.Run(ctx, in...)
		if _, ok := errors.AsType[*op.OperandError](err); !ok {
			t.Errorf("Run of %s: %v", name, err)
		}
	}
}

func TestCancelAndClose(t *testing.T) {
	n := compile(t, newBlock(nn.NewWeights(blockWeights(t, 3, 4)), 3, 4))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	x := ramp(t, 1, 3, 8, 8)
	out, err := n.Run(ctx, x)
	if e, ok := errors.AsType[*op.StepError](err); !ok || !errors.Is(err, context.Canceled) || e.Path != "downsample.0" {
		t.Errorf("cancelled: %v", err)
	}
	if out != nil {
		t.Errorf("a cancelled run returned %v, of which nothing was computed", out)
	}
	if _, err := nn.Compile(ctx, optest.Reference(), nn.Sequential{}); !errors.Is(err, context.Canceled) {
		t.Errorf("compiling, cancelled: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Run(context.Background(), x); !errors.Is(err, op.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestGoroutines(t *testing.T) {
	n := compile(t, newBlock(nn.NewWeights(blockWeights(t, 3, 4)), 3, 4))
	want, err := n.Run(context.Background(), ramp(t, 1, 3, 9, 9))
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 5 {
				got, err := n.Run(context.Background(), ramp(t, 1, 3, 9, 9))
				if err != nil || !slices.Equal(floats(t, got[0]), floats(t, want[0])) {
					t.Errorf("another result, %v", err)
				}
			}
		})
	}
	wait.Wait()
}

func TestIdentity(t *testing.T) {
	n := compile(t, nn.Sequential{})
	x := ramp(t, 2, 3)
	out, err := n.Run(context.Background(), x)
	if err != nil || !slices.Equal(floats(t, out[0]), floats(t, x)) {
		t.Errorf("got %v, %v", out, err)
	}
}

type forward func(x nn.Value) nn.Value

func (f forward) Forward(x nn.Value) nn.Value { return f(x) }

// TestMistakesInTracing: what goes wrong while Forward runs is an error of
// Compile.
func TestMistakesInTracing(t *testing.T) {
	ctx, b := context.Background(), optest.Reference()
	var zero, other nn.Value
	compile(t, forward(func(x nn.Value) nn.Value { other = x; return x }))
	for name, c := range map[string]struct {
		f    forward
		want string
	}{
		"a zero Value":                   {func(x nn.Value) nn.Value { return nn.Add(x, zero) }, "zero Value"},
		"a zero Value first":             {func(x nn.Value) nn.Value { return nn.Add(zero, x) }, "zero Value"},
		"nothing but a zero Value":       {func(x nn.Value) nn.Value { return nn.ReLU(zero) }, "does not depend"},
		"a zero Value is the output":     {func(x nn.Value) nn.Value { return zero }, "does not depend"},
		"a Value of another network":     {func(x nn.Value) nn.Value { return nn.Add(x, other) }, "two networks"},
		"another network's Value first":  {func(x nn.Value) nn.Value { return nn.Add(other, x) }, "two networks"},
		"another network's Value is all": {func(x nn.Value) nn.Value { return nn.ReLU(other) }, "does not depend"},
		"a mistake, and then more": {func(x nn.Value) nn.Value {
			return nn.Flatten(nn.Sigmoid(nn.MaxPool2d{Kernel: 2}.Forward(nn.Upsample(nn.Add(x, zero), x))))
		}, "zero Value"},
	} {
		_, err := nn.Compile(ctx, b, c.f)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
	_, err := nn.CompileFunc(ctx, b, []tensor.DType{tensor.Float32, 99}, func(in ...nn.Value) []nn.Value { return in })
	if _, ok := errors.AsType[*tensor.DTypeError](err); !ok {
		t.Errorf("an input of no type: %v", err)
	}
}

// TestDetectorOperators: the operators of a detector have the outputs that
// package op says, in that order.
func TestDetectorOperators(t *testing.T) {
	f32 := tensor.Float32
	types := []tensor.DType{f32, f32, f32, f32, f32, f32, f32}
	n, err := nn.CompileFunc(context.Background(), optest.Reference(), types, func(in ...nn.Value) []nn.Value {
		sizes, image, objectness, deltas, logits, regression, masks := in[0], in[1], in[2], in[3], in[4], in[5], in[6]
		cells := [][][4]float32{{{-4, -4, 4, 4}}}
		boxes, count := nn.Proposals("rpn", op.Proposals{Anchors: cells, PreNMS: 9, PostNMS: 5, NMSThreshold: 0.7},
			sizes, image, []nn.Value{objectness}, []nn.Value{deltas})
		rois := nn.RoIAlign("pool", op.RoIAlign{Size: 2, Sampling: 2, Scales: []float64{0.25}, CanonicalScale: 224, CanonicalLevel: 2},
			boxes, count, objectness)
		found, labels, scores, used := nn.Detections("heads", op.Detections{Max: 3, Weights: [4]float32{1, 1, 1, 1}},
			sizes, boxes, count, logits, regression)
		dense, _, _, _ := nn.DenseDetections("head", op.DenseDetections{Anchors: cells, Candidates: 9, Max: 7, Centerness: true},
			sizes, image, []nn.Value{objectness}, []nn.Value{deltas}, []nn.Value{objectness})
		return []nn.Value{rois, found, labels, scores, used, nn.MaskSelect("masks", masks, labels, used), dense}
	})
	if err != nil {
		t.Fatal(err)
	}
	specs, err := n.Outputs(tensor.Shape{2, 2}, tensor.Shape{2, 3, 16, 16}, tensor.Shape{2, 1, 4, 4}, tensor.Shape{2, 4, 4, 4},
		tensor.Shape{10, 4}, tensor.Shape{10, 16}, tensor.Shape{6, 4, 7, 7})
	want := []op.Spec{op.F32(10, 1, 2, 2), op.F32(2, 3, 4), {DType: tensor.Int64, Shape: tensor.Shape{2, 3}}, op.F32(2, 3),
		{DType: tensor.Int32, Shape: tensor.Shape{2}}, op.F32(2, 3, 7, 7), op.F32(2, 7, 4)}
	if err != nil || !slices.EqualFunc(specs, want, op.Spec.Equal) {
		t.Errorf("got %v, %v", specs, err)
	}
}

// TestLayersAreTorchs: each layer on numbers that can be checked by hand.
func TestLayersAreTorchs(t *testing.T) {
	w := nn.NewWeights(memory{
		"conv.weight": of(t, []float32{1, 2, 3, 4}, 1, 1, 2, 2), "conv.bias": of(t, []float32{10}, 1),
		"up.weight": of(t, []float32{1, 2, 3, 4}, 1, 1, 2, 2), "up.bias": of(t, []float32{0.5}, 1),
		"fc.weight": of(t, []float32{1, 0, 0, 1, 2, 0, 0, 3}, 2, 4), "fc.bias": of(t, []float32{0, 1}, 2),
		"wide.weight": of(t, []float32{1, 10}, 1, 1, 1, 2),
		"bn.weight":   of(t, []float32{3}, 1), "bn.bias": of(t, []float32{1}, 1),
		"bn.running_mean": of(t, []float32{2}, 1), "bn.running_var": of(t, []float32{4}, 1),
		"scale_weight": of(t, []float32{5, 10}, 2),
	})
	image := of(t, []float32{1, 2, 3, 4}, 1, 1, 2, 2)
	fc := nn.NewLinear(w.At("fc"), 4, 2)
	for _, c := range []struct {
		name string
		m    nn.Module
		want []float32
	}{
		{"conv", nn.NewConv2d(w.At("conv"), 1, 1, nn.Conv{Kernel: 2, Bias: true}), []float32{1 + 4 + 9 + 16 + 10}},
		{"padded, strided conv", nn.NewConv2d(w.At("conv"), 1, 1, nn.Conv{Kernel: 2, Stride: 2, Padding: 1}), []float32{4, 6, 6, 4}},
		{"transposed", nn.NewConvTranspose2d(w.At("up"), 1, 1, nn.Conv{Kernel: 2, Stride: 2, Bias: true}),
			[]float32{1.5, 2.5, 2.5, 4.5, 3.5, 4.5, 6.5, 8.5, 3.5, 6.5, 4.5, 8.5, 9.5, 12.5, 12.5, 16.5}},
		{"wide conv", nn.NewConv2d(w.At("wide"), 1, 1, nn.Conv{
			KernelHW: [2]int{1, 2}, PaddingHW: [2]int{0, 1}, StrideHW: [2]int{2, 1}, DilationHW: [2]int{5, 2},
		}), []float32{20, 1}},
		{"wide transposed", nn.NewConvTranspose2d(w.At("wide"), 1, 1, nn.Conv{KernelHW: [2]int{1, 2}, StrideHW: [2]int{1, 2}}),
			[]float32{1, 10, 2, 20, 3, 30, 4, 40}},
		{"wide pool", nn.MaxPool2d{KernelHW: [2]int{1, 2}}, []float32{2, 4}},
		{"norm", nn.NewBatchNorm2d(w.At("bn"), 1, 0), []float32{-0.5, 1, 2.5, 4}},
		{"group norm", nn.NewGroupNorm(w.At("bn"), 1, 1, 0), []float32{-3.02492236, -0.34164079, 2.34164079, 5.02492236}},
		{"flatten and linear", forward(func(x nn.Value) nn.Value { return fc.Forward(nn.Flatten(x)) }), []float32{5, 15}},
		{"pool", nn.MaxPool2d{Kernel: 2}, []float32{4}},
		{"pool rounded up", nn.MaxPool2d{Kernel: 3, Ceil: true, StrideHW: [2]int{1, 4}, PaddingHW: [2]int{1, 0}}, []float32{4, 4}},
		{"length", forward(func(x nn.Value) nn.Value {
			three := nn.MaxPool2d{Kernel: 1, Stride: 2}.Forward(nn.Add(x, nn.Add(x, x)))
			return nn.NewL2Norm(w, "scale_weight", 2).Forward(nn.Concat(three, nn.GlobalAvgPool2d(nn.MaxPool2d{Kernel: 2}.Forward(x))))
		}), []float32{3, 8}},
		{"mean", forward(nn.GlobalAvgPool2d), []float32{2.5}},
		{"upsample", forward(func(x nn.Value) nn.Value {
			return nn.Upsample(nn.MaxPool2d{Kernel: 1, Stride: 2}.Forward(x), x)
		}), []float32{1, 1, 1, 1}},
		{"bilinear", forward(func(x nn.Value) nn.Value { return nn.UpsampleBilinear(x, nn.GlobalAvgPool2d(x)) }), []float32{2.5}},
		{"cat", forward(func(x nn.Value) nn.Value { return nn.Concat(x, nn.ReLU6(nn.Add(x, x))) }),
			[]float32{1, 2, 3, 4, 2, 4, 6, 6}},
		{"relu", forward(func(x nn.Value) nn.Value { return nn.ReLU(nn.NewBatchNorm2d(w.At("bn"), 1, 0).Forward(x)) }),
			[]float32{0, 1, 2.5, 4}},
		{"add", forward(func(x nn.Value) nn.Value { return nn.Add(x, x) }), []float32{2, 4, 6, 8}},
		{"mul, relu6", forward(func(x nn.Value) nn.Value { return nn.ReLU6(nn.Mul(x, x)) }), []float32{1, 4, 6, 6}},
		{"mul by channel", forward(func(x nn.Value) nn.Value { return nn.Mul(nn.GlobalAvgPool2d(x), x) }), []float32{2.5, 5, 7.5, 10}},
		{"hardsigmoid", forward(nn.Hardsigmoid), []float32{4. / 6, 5. / 6, 1, 1}},
		{"hardswish", forward(nn.Hardswish), []float32{4. / 6, 10. / 6, 3, 4}},
		{"silu", forward(nn.SiLU), []float32{0.731058578630, 1.761594155956, 2.857722380472, 3.928055160151}},
		{"gelu", forward(nn.GELU), []float32{0.841344746069, 1.954499736104, 2.995950305900, 3.999873315353}},
	} {
		out, err := compile(t, c.m).Run(context.Background(), image)
		if err != nil || !slices.Equal(floats(t, out[0]), c.want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, floats(t, out[0]), err, c.want)
		}
	}
	if err := w.Err("Net"); err != nil {
		t.Error(err)
	}
}

// TestGroupsMustDivide: groups that do not are reported with the rest.
func TestGroupsMustDivide(t *testing.T) {
	for _, groups := range []int{-1, 3, 8} {
		w := nn.NewWeights(memory{"conv.weight": ramp(t, 4, 4, 1, 1)})
		l := nn.NewConv2d(w.At("conv"), 4, 4, nn.Conv{Kernel: 1, Groups: groups})
		w.Ignore("conv")
		e, ok := errors.AsType[*nn.StateDictError](w.Err("Net"))
		if !ok || len(e.Failed) != 1 || !strings.Contains(e.Error(), fmt.Sprintf("conv: conv2d from 4 to 4 channels in %d groups", groups)) {
			t.Errorf("%d groups: %v", groups, e)
		}
		if _, err := nn.Compile(context.Background(), optest.Reference(), l); err == nil {
			t.Errorf("%d groups compile", groups)
		}
	}
	w := nn.NewWeights(memory{"norm.weight": ramp(t, 4), "norm.bias": ramp(t, 4)})
	l := nn.NewGroupNorm(w.At("norm"), 3, 4, 0)
	if _, err := nn.Compile(context.Background(), optest.Reference(), l); err == nil ||
		!strings.Contains(err.Error(), "norm: group_norm of 4 channels in 3 groups") {
		t.Errorf("a group norm: %v", err)
	}
}
