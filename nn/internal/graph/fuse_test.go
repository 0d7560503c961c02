package graph

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

func normal(r *rand.Rand, shape ...int) *tensor.Tensor {
	t, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		panic(err)
	}
	v, err := tensor.Data[float32](t)
	if err != nil {
		panic(err)
	}
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return t
}

// network helps to trace by hand.
type network struct {
	Trace
	r *rand.Rand
}

func newNetwork(seed uint64) *network { return &network{r: rand.New(rand.NewPCG(seed, 0))} }

func (n *network) conv(path string, in, out, k, stride int, x op.Value) op.Value {
	return n.Add(path, &op.Conv2d{
		Weight: normal(n.r, out, in, k, k), Stride: [2]int{stride, stride}, Padding: [2]int{k / 2, k / 2},
	}, 1, x)
}

func (n *network) norm(path string, c int, x op.Value) op.Value {
	variance := normal(n.r, c)
	v, _ := tensor.Data[float32](variance)
	for i := range v {
		v[i] = 0.5 + v[i]*v[i]
	}
	return n.Add(path, &op.BatchNorm2d{
		Weight: normal(n.r, c), Bias: normal(n.r, c), Mean: normal(n.r, c), Var: variance, Eps: 1e-5,
	}, 1, x)
}

func (n *network) relu(x op.Value) op.Value { return n.Add("relu", &op.Activation{Act: op.ReLU}, 1, x) }

func (n *network) add(x, y op.Value) op.Value { return n.Trace.Add("add", &op.Add{}, 1, x, y) }

func (n *network) upsample(x, like op.Value) op.Value {
	return n.Trace.Add("upsample", &op.Upsample{}, 1, x, like)
}

func (n *network) fused(t *testing.T, outputs ...op.Value) (*op.Graph, string) {
	t.Helper()
	n.Graph.Outputs = outputs
	if err := n.Graph.Validate(); err != nil {
		t.Fatal(err)
	}
	before := dump(t, &n.Graph)
	g, err := Fuse(&n.Graph)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Validate(); err != nil {
		t.Fatalf("the fused graph is not valid: %v\n%s", err, dump(t, g))
	}
	if after := dump(t, &n.Graph); after != before {
		t.Fatalf("fusing changed the graph from\n%sto\n%s", before, after)
	}
	return g, dump(t, g)
}

func dump(t *testing.T, g *op.Graph) string {
	t.Helper()
	var b strings.Builder
	if err := Dump(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(n *network, x op.Value) []op.Value
		want  string // the nodes that are left
	}{
		{"conv bn relu", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.relu(n.norm("bn", 3, n.conv("conv", 3, 3, 3, 1, x)))}
		}, "%3 = conv2d(%0) conv +scale +bias +relu"},
		{"bn before its conv stays", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.conv("conv", 3, 3, 3, 1, n.norm("bn", 3, x))}
		}, "%1 = batch_norm(%0) bn|%2 = conv2d(%1) conv"},
		{"two norms", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.norm("bn2", 3, n.norm("bn1", 3, n.conv("conv", 3, 3, 3, 1, x)))}
		}, "%3 = conv2d(%0) conv +scale +bias"},
		{"group norm of a sum, add, relu", func(n *network, x op.Value) []op.Value {
			group := n.Trace.Add("gn", &op.GroupNorm{Groups: 3}, 1, n.conv("conv", 3, 3, 3, 1, x))
			return []op.Value{n.relu(n.add(group, x))}
		}, "%1 = conv2d(%0) conv|%4 = group_norm(%1, %0) gn +residual +relu"},
		{"group norm, batch norm", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.norm("bn", 3, n.Trace.Add("gn", &op.GroupNorm{Groups: 1}, 1, x))}
		}, "%1 = group_norm(%0) gn|%2 = batch_norm(%1) bn"},
		{"norm after relu stays", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.norm("bn", 3, n.relu(n.conv("conv", 3, 3, 3, 1, x)))}
		}, "%2 = conv2d(%0) conv +relu|%3 = batch_norm(%2) bn"},
		{"norm after add stays", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.norm("bn", 3, n.add(n.conv("conv", 3, 3, 3, 1, x), x))}
		}, "%2 = conv2d(%0, %0) conv +residual|%3 = batch_norm(%2) bn"},
		{"torch's block, Add(y, identity)", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.relu(n.add(n.norm("bn", 3, n.conv("conv", 3, 3, 3, 1, x)), x))}
		}, "%4 = conv2d(%0, %0) conv +scale +bias +residual +relu"},
		{"Add(identity, y)", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.relu(n.add(x, n.norm("bn", 3, n.conv("conv", 3, 3, 3, 1, x))))}
		}, "%4 = conv2d(%0, %0) conv +scale +bias +residual +relu"},
		{"the downsample of a block first, as in torch", func(n *network, x op.Value) []op.Value {
			identity := n.norm("downsample.1", 3, n.conv("downsample.0", 3, 3, 1, 1, x))
			y := n.norm("bn", 3, n.conv("conv", 3, 3, 3, 1, x))
			return []op.Value{n.relu(n.add(y, identity))}
		}, "%2 = conv2d(%0) downsample.0 +scale +bias|%6 = conv2d(%0, %2) conv +scale +bias +residual +relu"},
		{"the downsample last", func(n *network, x op.Value) []op.Value {
			y := n.norm("bn", 3, n.conv("conv", 3, 3, 3, 1, x))
			identity := n.norm("downsample.1", 3, n.conv("downsample.0", 3, 3, 1, 1, x))
			return []op.Value{n.add(y, identity)}
		}, "%2 = conv2d(%0) conv +scale +bias|%5 = conv2d(%0, %2) downsample.0 +scale +bias +residual"},
		{"one of two sums is an output", func(n *network, x op.Value) []op.Value {
			a, b := n.conv("a", 3, 3, 1, 1, x), n.conv("b", 3, 3, 1, 1, x)
			return []op.Value{n.add(a, b), b}
		}, "%2 = conv2d(%0) b|%3 = conv2d(%0, %2) a +residual"},
		{"a sum of a sum", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.add(n.add(n.conv("conv", 3, 3, 3, 1, x), x), x)}
		}, "%2 = conv2d(%0, %0) conv +residual|%3 = add(%2, %0) add"},
		{"twice the same", func(n *network, x op.Value) []op.Value {
			y := n.conv("conv", 3, 3, 3, 1, x)
			return []op.Value{n.add(y, y)}
		}, "%1 = conv2d(%0) conv|%2 = add(%1, %1) add"},
		{"add after relu stays", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.add(n.relu(n.conv("conv", 3, 3, 3, 1, x)), x)}
		}, "%2 = conv2d(%0) conv +relu|%3 = add(%2, %0) add"},
		{"two activations", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.Trace.Add("sigmoid", &op.Activation{Act: op.Sigmoid}, 1, n.relu(n.conv("conv", 3, 3, 3, 1, x)))}
		}, "%2 = conv2d(%0) conv +relu|%3 = sigmoid(%2) sigmoid"},
		{"two readers of the sum", func(n *network, x op.Value) []op.Value {
			y := n.conv("conv", 3, 3, 3, 1, x)
			return []op.Value{n.relu(y), n.norm("bn", 3, y)}
		}, "%1 = conv2d(%0) conv|%2 = relu(%1) relu|%3 = batch_norm(%1) bn"},
		{"the sum is an output", func(n *network, x op.Value) []op.Value {
			y := n.conv("conv", 3, 3, 3, 1, x)
			return []op.Value{n.relu(y), y}
		}, "%1 = conv2d(%0) conv|%2 = relu(%1) relu"},
		{"relu of an input", func(n *network, x op.Value) []op.Value { return []op.Value{n.relu(x)} }, "%1 = relu(%0) relu"},
		{"add of inputs", func(n *network, x op.Value) []op.Value { return []op.Value{n.add(x, x)} }, "%1 = add(%0, %0) add"},

		{"pyramid, the size of the lateral map", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			lateral := n.conv("lateral", 3, 3, 1, 1, x)
			return []op.Value{n.add(lateral, n.upsample(top, lateral)), top}
		}, "%1 = conv2d(%0) top|%4 = conv2d(%0, %1) lateral +upsampled"},
		{"pyramid, the upsampled map first", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			lateral := n.conv("lateral", 3, 3, 1, 1, x)
			return []op.Value{n.add(n.upsample(top, lateral), lateral), top}
		}, "%1 = conv2d(%0) top|%4 = conv2d(%0, %1) lateral +upsampled"},
		{"pyramid, the size of the body's map", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			up := n.upsample(top, x)
			return []op.Value{n.add(n.conv("lateral", 3, 3, 1, 1, x), up), top}
		}, "%1 = conv2d(%0) top|%4 = conv2d(%0, %1) lateral +upsampled"},
		{"pyramid with norms", func(n *network, x op.Value) []op.Value {
			top := n.norm("top.1", 3, n.conv("top.0", 3, 3, 3, 2, x))
			lateral := n.norm("lateral.1", 3, n.conv("lateral.0", 3, 3, 1, 1, x))
			return []op.Value{n.add(lateral, n.upsample(top, lateral))}
		}, "%2 = conv2d(%0) top.0 +scale +bias|%6 = conv2d(%0, %2) lateral.0 +scale +bias +upsampled"},
		{"the upsampled map is read twice", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			up := n.upsample(top, x)
			return []op.Value{n.add(n.conv("lateral", 3, 3, 1, 1, x), up), up}
		}, "%1 = conv2d(%0) top|%2 = interpolate(%1, %0) upsample|%4 = conv2d(%0, %2) lateral +residual"},
		{"a lateral map that is read again", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			lateral := n.conv("lateral", 3, 3, 1, 1, x)
			return []op.Value{n.add(lateral, n.upsample(top, lateral)), lateral}
		}, "%1 = conv2d(%0) top|%2 = conv2d(%0) lateral|%3 = interpolate(%1, %2) upsample|%4 = add(%2, %3) add"},
		{"an upsampled map of another kind", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			lateral := n.conv("lateral", 3, 3, 1, 1, x)
			up := n.Trace.Add("upsample", &op.Upsample{Bilinear: true}, 1, top, x)
			return []op.Value{n.add(lateral, up)}
		}, "%1 = conv2d(%0) top|%3 = interpolate(%1, %0) upsample|%4 = conv2d(%0, %3) lateral +residual"},
		{"to a size that may be another", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			return []op.Value{n.add(n.conv("lateral", 3, 3, 1, 1, x), n.upsample(top, n.relu(x)))}
		}, "%1 = conv2d(%0) top|%3 = relu(%0) relu|%4 = interpolate(%1, %3) upsample|%5 = conv2d(%0, %4) lateral +residual"},
		{"to the size of what a stride makes smaller", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			return []op.Value{n.add(n.conv("lateral", 3, 3, 1, 2, x), n.upsample(top, x))}
		}, "%1 = conv2d(%0) top|%3 = interpolate(%1, %0) upsample|%4 = conv2d(%0, %3) lateral +residual"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(1)
			x := n.Input(tensor.Float32)
			_, got := n.fused(t, c.build(n, x)...)
			lines := strings.Split(strings.TrimSpace(got), "\n")
			if got := strings.Join(lines[1:len(lines)-1], "|"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestLinear(t *testing.T) {
	n := newNetwork(2)
	x := n.Input(tensor.Float32)
	l := &op.Linear{Weight: normal(n.r, 4, 4), Epilogue: op.Epilogue{Bias: []float64{1, 2, 3, 4}}}
	y := n.relu(n.add(x, n.Trace.Add("fc", l, 1, x)))
	_, got := n.fused(t, y)
	if want := "%0 = input float32\n%3 = linear(%0, %0) fc +bias +residual +relu\nreturn %3\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if l.Act != op.NoAct || l.Residual != op.NoResidual {
		t.Error("the layer's own operator was changed")
	}
}

// TestNormOfRows: PyTorch's BatchNorm2d refuses what is no image, and being
// fused must not change that.
func TestNormOfRows(t *testing.T) {
	n := newNetwork(3)
	x := n.Input(tensor.Float32)
	y := n.norm("bn", 4, n.Trace.Add("fc", &op.Linear{Weight: normal(n.r, 4, 4)}, 1, x))
	g, _ := n.fused(t, y)
	if _, err := g.Infer(tensor.Shape{2, 4}); err == nil {
		t.Error("a batch norm of rows was taken")
	}
}

// TestWrongSizes: networks whose shapes do not fit still do not when fused.
func TestWrongSizes(t *testing.T) {
	n := newNetwork(4)
	x := n.Input(tensor.Float32)
	y := n.norm("bn", 5, n.conv("conv", 3, 4, 3, 1, x))
	g, _ := n.fused(t, y)
	if _, err := g.Infer(tensor.Shape{2, 3, 8, 8}); err == nil {
		t.Error("a batch norm of 5 channels after a convolution to 4 was taken")
	}
	n = newNetwork(4)
	x, like := n.Input(tensor.Float32), n.Input(tensor.Float32)
	y = n.add(n.conv("lateral", 3, 3, 1, 1, x), n.upsample(x, like))
	g, _ = n.fused(t, y)
	if _, err := g.Infer(tensor.Shape{2, 3, 8, 8}, tensor.Shape{2, 3, 9, 9}); err == nil {
		t.Error("a sum of 8×8 and 9×9 was taken")
	}
	n = newNetwork(4)
	x = n.Input(tensor.Float32)
	flags, err := tensor.New(tensor.Bool, 3)
	if err != nil {
		t.Fatal(err)
	}
	y = n.Trace.Add("bn", &op.BatchNorm2d{Weight: flags, Bias: flags, Mean: flags, Var: flags}, 1, n.conv("conv", 3, 3, 1, 1, x))
	n.Graph.Outputs = []op.Value{y}
	_, err = Fuse(&n.Graph)
	if _, ok := errors.AsType[*tensor.DTypeError](err); !ok || !strings.HasPrefix(err.Error(), "bn: batch_norm: ") {
		t.Errorf("a batch norm of bools: want a DTypeError that names the layer, got %v", err)
	}
}

// random traces a network in which everything happens to everything: values
// are read once, twice or never, and are outputs or not.
func random(seed uint64) *network {
	n := newNetwork(seed)
	type image struct {
		v      op.Value
		halved int
	}
	maps := []image{{n.Input(tensor.Float32), 0}}
	any := func() image {
		if n.r.IntN(2) == 0 {
			return maps[len(maps)-1]
		}
		return maps[n.r.IntN(len(maps))]
	}
	for i := range 6 + n.r.IntN(20) {
		x := any()
		path := fmt.Sprintf("n%d", i)
		switch n.r.IntN(7) {
		case 0, 1:
			stride := 1
			if x.halved < 2 && n.r.IntN(4) == 0 {
				stride = 2
			}
			maps = append(maps, image{n.conv(path, 3, 3, 1+2*n.r.IntN(2), stride, x.v), x.halved + stride - 1})
		case 2:
			maps = append(maps, image{n.norm(path, 3, x.v), x.halved})
		case 3:
			a := op.Act(1 + n.r.IntN(2))
			maps = append(maps, image{n.Trace.Add(path, &op.Activation{Act: a}, 1, x.v), x.halved})
		case 4:
			if y := any(); y.halved == x.halved {
				maps = append(maps, image{n.add(x.v, y.v), x.halved})
			}
		case 5:
			like := any()
			maps = append(maps, image{n.upsample(x.v, like.v), like.halved})
		case 6:
			like := any()
			maps = append(maps, image{n.add(n.upsample(x.v, like.v), like.v), like.halved})
		}
	}
	n.Graph.Outputs = append(n.Graph.Outputs, maps[len(maps)-1].v)
	for range n.r.IntN(3) {
		n.Graph.Outputs = append(n.Graph.Outputs, any().v)
	}
	return n
}

func TestFusedIsTheSame(t *testing.T) {
	absorbed := make(map[string]int)
	for seed := range uint64(400) {
		n := random(seed)
		g, text := n.fused(t, n.Graph.Outputs...)
		if again, err := Fuse(g); err != nil || dump(t, again) != text {
			t.Fatalf("seed %d: fusing twice gives, %v\n%s", seed, err, text)
		}
		for _, w := range []string{"+scale", "+bias", "+residual", "+upsampled", "+relu", "+sigmoid"} {
			absorbed[w] += strings.Count(text, w)
		}
		x := normal(n.r, 1+n.r.IntN(2), 3, 8, 7)
		got, want := run(t, g, x), run(t, &n.Graph, x)
		for i := range want {
			if d := distance(t, got[i], want[i]); d > 1e-5 {
				t.Fatalf("seed %d: output %d differs by %v\n%s\n%s", seed, i, d, dump(t, &n.Graph), text)
			}
		}
	}
	for w, times := range absorbed {
		if times < 20 {
			t.Errorf("%s happened %d times only", w, times)
		}
	}
	if len(absorbed) != 6 {
		t.Errorf("only %v happened", absorbed)
	}
}

func run(t *testing.T, g *op.Graph, x *tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	ctx := context.Background()
	m, err := optest.Reference().Load(ctx, g, op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Program(x.Shape())
	if err != nil {
		t.Fatalf("%v\n%s", err, dump(t, g))
	}
	specs, err := g.Infer(x.Shape())
	if err != nil {
		t.Fatal(err)
	}
	var out []*tensor.Tensor
	for _, v := range g.Outputs {
		y, err := tensor.New(specs[v].DType, specs[v].Shape...)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, y)
	}
	if err := p.RunInto(ctx, out, []*tensor.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	return out
}

// distance is √(Σ(a−b)²/Σb²), and 0 for two tensors of zeros.
func distance(t *testing.T, a, b *tensor.Tensor) float64 {
	t.Helper()
	if !a.Shape().Equal(b.Shape()) {
		t.Fatalf("%v against %v", a, b)
	}
	x, _ := tensor.Data[float32](a)
	y, _ := tensor.Data[float32](b)
	var difference, norm float64
	for i := range y {
		d := float64(x[i]) - float64(y[i])
		difference, norm = difference+d*d, norm+float64(y[i])*float64(y[i])
	}
	if difference == 0 {
		return 0
	}
	return math.Sqrt(difference / norm)
}

// TestFuseLeavesTheNetworkAlone: two traces of one network share operators and
// weights; fusing one must not show in the other.
func TestFuseLeavesTheNetworkAlone(t *testing.T) {
	for seed := range uint64(30) {
		n, fresh := random(seed), random(seed)
		n.fused(t, n.Graph.Outputs...)
		if !reflect.DeepEqual(n.Graph, fresh.Graph) {
			t.Fatalf("seed %d: fusing changed the network", seed)
		}
	}
}

func TestTraceKeepsTheFirstMistake(t *testing.T) {
	var tr Trace
	first := fmt.Errorf("first")
	tr.Fail(first)
	tr.Fail(fmt.Errorf("second"))
	if tr.Err != first {
		t.Errorf("got %v", tr.Err)
	}
}
