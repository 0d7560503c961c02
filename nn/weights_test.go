package nn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

// checkpointOf is a checkpoint in memory: tensors of ones.
type checkpointOf []entry

type entry struct {
	key   string
	dtype tensor.DType
	shape []int
	err   error
}

func f32(key string, shape ...int) entry { return entry{key: key, dtype: tensor.Float32, shape: shape} }

func (c checkpointOf) Keys() (keys []string) {
	for _, e := range c {
		keys = append(keys, e.key)
	}
	return keys
}

func (c checkpointOf) Tensor(key string) (*tensor.Tensor, error) {
	for _, e := range c {
		if e.key == key && e.err != nil {
			return nil, e.err
		}
		if e.key == key && e.dtype == tensor.Invalid {
			return nil, nil // a Source that breaks its promise
		}
		if e.key == key {
			return tensor.New(e.dtype, e.shape...)
		}
	}
	return nil, fmt.Errorf("no %q", key)
}

// TestStateDictErrorIsTorchs: the text is that of PyTorch 2.15 for the same
// network and checkpoint, which has no _metadata; see TestStateDictGolden for more.
func TestStateDictErrorIsTorchs(t *testing.T) {
	w := NewWeights(checkpointOf{
		f32("fc1.weight", 4, 3),
		f32("bn.weight"), f32("bn.bias", 4), f32("bn.running_var", 4),
		f32("conv.weight", 6, 1, 3, 3), f32("conv.bias", 1, 6),
		f32("extra.weight", 2), f32("fc1.scale", 2),
	})
	NewLinear(w.At("fc1"), 3, 5)
	NewBatchNorm2d(w.At("bn"), 4, DefaultEps)
	NewConv2d(w.At("conv"), 2, 6, Conv{Kernel: 3, Groups: 2, Bias: true})
	err := w.Err("Net")
	want := "Error(s) in loading state_dict for Net:\n" +
		"\tMissing key(s) in state_dict: \"fc1.bias\", \"bn.running_mean\". \n" +
		"\tUnexpected key(s) in state_dict: \"extra.weight\", \"fc1.scale\". \n" +
		"\tsize mismatch for fc1.weight: copying a param with shape torch.Size([4, 3]) from checkpoint, " +
		"the shape in current model is torch.Size([5, 3]).\n" +
		"\tsize mismatch for bn.weight: copying a param with shape torch.Size([]) from checkpoint, " +
		"the shape in current model is torch.Size([4]).\n" +
		"\tsize mismatch for conv.bias: copying a param with shape torch.Size([1, 6]) from checkpoint, " +
		"the shape in current model is torch.Size([6])."
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	e, ok := errors.AsType[*StateDictError](err)
	if !ok || len(e.Missing) != 2 || len(e.Unexpected) != 2 || len(e.Mismatch) != 3 || len(e.Failed) != 0 {
		t.Errorf("got %+v", e)
	}
}

func TestWeightsThatFit(t *testing.T) {
	w := NewWeights(checkpointOf{
		f32("bn.weight", 4), f32("bn.bias", 4), f32("bn.running_mean", 4), f32("bn.running_var", 4),
		{key: "bn.num_batches_tracked", dtype: tensor.Int64},
		{key: "conv.weight", dtype: tensor.Float16, shape: []int{4, 2, 3, 3}},
		f32("up.weight", 4, 3, 2, 2), f32("up.bias", 3), f32("fc.weight", 2, 3),
	})
	NewBatchNorm2d(w.At("bn"), 4, DefaultEps)
	NewConv2d(w.At("conv"), 2, 4, Conv{Kernel: 3})
	NewConvTranspose2d(w.At("up"), 4, 3, Conv{Kernel: 2, Stride: 2, Bias: true})
	NewLinearNoBias(w.At("fc"), 3, 2)
	if err := w.Err("Net"); err != nil {
		t.Error(err)
	}
}

func TestUnreadableTensors(t *testing.T) {
	broken := errors.New("broken.pth: fc.weight: bad checksum")
	w := NewWeights(checkpointOf{
		{key: "fc.weight", dtype: tensor.Float32, shape: []int{2, 3}, err: broken},
		{key: "fc.bias", dtype: tensor.Bool, shape: []int{2}},
		{key: "gone", shape: []int{1}},
	})
	l := NewLinear(w.At("fc"), 3, 2)
	w.Tensor("gone", 1)
	err := w.Err("Net")
	if !errors.Is(err, broken) {
		t.Errorf("the file's error is lost: %v", err)
	}
	if _, ok := errors.AsType[*tensor.DTypeError](err); !ok {
		t.Errorf("a bias of bools: %v", err)
	}
	for _, part := range []string{"\n\tbroken.pth: fc.weight: bad checksum", "\n\tfc.bias: tensor: elements of type bool", `"gone"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
	if _, err := Compile(context.Background(), optest.Reference(), l); !errors.Is(err, broken) {
		t.Errorf("the network compiled: %v", err)
	}
}

func TestHints(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want string
	}{
		{[]string{"module.fc.weight", "module.fc.bias"}, `StripPrefix("module.")`},
		{[]string{"model.fc.weight", "epoch"}, `Sub("model")`},
		{[]string{"state_dict.fc.weight", "epoch"}, `Sub("state_dict")`},
		{[]string{"model_state_dict.fc.weight"}, `Sub("model_state_dict")`},
		{[]string{"state_dict.model.fc.weight", "state_dict.model.fc.bias", "epoch"}, `Sub("state_dict.model")`},
		{[]string{"teacher.module.fc.weight", "teacher.module.fc.bias", "student.fc.bias"}, `Sub("teacher.module")`},
		{[]string{"ema.fc.weight", "other.fc.bias"}, ""}, // no prefix of both
		{[]string{"fc1.weight"}, ""},
		{[]string{"fc.weight", "fc.bias", "module.more"}, ""}, // nothing is missing
		{nil, ""},
	} {
		var entries checkpointOf
		for _, k := range c.keys {
			entries = append(entries, f32(k, map[bool][]int{true: {1, 1}, false: {1}}[strings.HasSuffix(k, "weight")]...))
		}
		w := NewWeights(entries)
		NewLinear(w.At("fc"), 1, 1)
		err := w.Err("Net")
		if err == nil {
			t.Fatalf("%v fit", c.keys)
		}
		lines := strings.Split(err.Error(), "\n\t")
		last := lines[len(lines)-1]
		if c.want == "" && strings.Contains(err.Error(), "use ") || !strings.Contains(last, c.want) {
			t.Errorf("%v: want a hint %q, got %v", c.keys, c.want, err)
		}
	}
}

func TestEachMistakeOnce(t *testing.T) {
	w := NewWeights(checkpointOf{f32("a", 2)})
	for range 3 {
		w.Tensor("a", 3)
		w.Tensor("b", 3)
		w.Vector("b", 3)
	}
	e, ok := errors.AsType[*StateDictError](w.Err("Net"))
	if !ok || len(e.Missing) != 1 || len(e.Mismatch) != 1 {
		t.Errorf("got %v", e)
	}
}

func TestIgnore(t *testing.T) {
	w := NewWeights(checkpointOf{f32("aux.0.weight", 1), f32("aux.1", 1), f32("auxiliary", 1), f32("fc.aux", 1), f32("fc.b", 1)})
	w.Ignore("aux", "nothing")
	w.At("fc").Ignore("aux")
	e, ok := errors.AsType[*StateDictError](w.Err("Net"))
	if !ok || !slices.Equal(e.Unexpected, []string{"auxiliary", "fc.b"}) {
		t.Errorf("got %v", e)
	}
}

func TestShape(t *testing.T) {
	w := NewWeights(checkpointOf{f32("fc.weight", 5, 3), {key: "bad", err: errors.New("unreadable")}})
	if got := w.At("fc").Shape("weight"); !got.Equal(tensor.Shape{5, 3}) {
		t.Errorf("got %v", got)
	}
	if got := w.Shape("fc"); got != nil {
		t.Errorf("a shape of nothing: %v", got)
	}
	if !w.At("fc").Has("weight") || w.Has("weight") || !w.At("fc").Exists() || w.At("f").Exists() {
		t.Error("Has or Exists is wrong")
	}
	if e, _ := errors.AsType[*StateDictError](w.Err("Net")); len(e.Unexpected) != 2 {
		t.Errorf("looking at shapes is not reading: %v", e)
	}
	if got := w.Shape("bad"); got != nil || !strings.Contains(w.Err("Net").Error(), "unreadable") {
		t.Errorf("got %v, %v", got, w.Err("Net"))
	}
}

func TestVector(t *testing.T) {
	w := NewWeights(checkpointOf{{key: "half", dtype: tensor.BFloat16, shape: []int{3}}, f32("matrix", 3, 1),
		{key: "complex", dtype: tensor.Complex64, shape: []int{3}}})
	for _, c := range []struct {
		name    string
		n, want int
	}{{"half", 3, 3}, {"half", 2, 0}, {"none", 4, 0}, {"matrix", 3, 0}, {"complex", 3, 0}, {"none", 0, 0}, {"none", -1, 0}} {
		if got := w.Vector(c.name, c.n); len(got) != c.want {
			t.Errorf("%s of %d: got %v", c.name, c.n, got)
		}
	}
}

// TestDeclaredSize: a tensor without elements may have an axis of any extent,
// and a layer as wide as that must not take memory for what is not there.
func TestDeclaredSize(t *testing.T) {
	w := NewWeights(checkpointOf{f32("fc.weight", 1<<40, 0)})
	NewLinear(w.At("fc"), 0, w.Shape("fc.weight")[0])
	e, ok := errors.AsType[*StateDictError](w.Err("Net"))
	if !ok || !slices.Equal(e.Missing, []string{"fc.bias"}) {
		t.Errorf("got %v", e)
	}
}

// TestUnreadableOnce: a tensor that is looked at and then read is one mistake.
func TestUnreadableOnce(t *testing.T) {
	w := NewWeights(checkpointOf{{key: "bad", err: errors.New("unreadable")}})
	w.Shape("bad")
	w.Tensor("bad", 1)
	if e, ok := errors.AsType[*StateDictError](w.Err("Net")); !ok || len(e.Failed) != 1 {
		t.Errorf("got %v", e)
	}
}

// manyKeys is a checkpoint of n keys whose tensors nobody reads.
type manyKeys int

func (n manyKeys) Keys() []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("layer.%d.weight", i)
	}
	return keys
}

func (n manyKeys) Tensor(key string) (*tensor.Tensor, error) { return nil, errors.New(key) }

// TestManyKeys: asking for every part of a large checkpoint, or ignoring it,
// takes no time that grows with the square of their number, here an hour.
func TestManyKeys(t *testing.T) {
	const n = 200_000
	w := NewWeights(manyKeys(n))
	for i := range n {
		layer := w.At(fmt.Sprint("layer.", i))
		if !layer.Exists() || layer.At("0").Exists() {
			t.Fatalf("layer %d exists %v, its part %v", i, layer.Exists(), layer.At("0").Exists())
		}
		layer.Tensor("bias", 1)
		layer.Ignore("weight")
	}
	if e, ok := errors.AsType[*StateDictError](w.Err("Net")); !ok || len(e.Missing) != n || len(e.Unexpected) != 0 {
		t.Errorf("%d missing, %d unexpected", len(e.Missing), len(e.Unexpected))
	}
}

// TestWithoutCheckpoint: zero Weights, nil checkpoints and zero layers are
// mistakes that Compile reports.
func TestWithoutCheckpoint(t *testing.T) {
	ctx, b := context.Background(), optest.Reference()
	var zero Weights
	zero.Ignore("x")
	if zero.At("x").Exists() || zero.Has("x") || zero.Shape("x") != nil || zero.Err("Net") == nil || zero.At("y").Path() != "y" {
		t.Error("zero Weights have something")
	}
	for name, m := range map[string]Module{
		"zero Weights":           NewLinear(zero, 1, 1),
		"a nil checkpoint":       NewConv2d(NewWeights(nil).At("conv"), 1, 1, Conv{Kernel: 1, Bias: true}),
		"a norm":                 NewBatchNorm2d(zero, 1, 0),
		"a transposed":           NewConvTranspose2d(zero, 1, 1, Conv{Kernel: 1, Groups: 2}),
		"a zero Conv2d":          &Conv2d{},
		"a zero ConvTranspose2d": &ConvTranspose2d{},
		"a zero Linear":          &Linear{},
		"a zero BatchNorm2d":     &BatchNorm2d{},
	} {
		if _, err := Compile(ctx, b, m); !errors.Is(err, errNoCheckpoint) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTransposedWithGroups(t *testing.T) {
	w := NewWeights(checkpointOf{f32("up.weight", 4, 2, 2, 2)})
	l := NewConvTranspose2d(w.At("up"), 4, 2, Conv{Kernel: 2, Groups: 2})
	_, err := Compile(context.Background(), optest.Reference(), l)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(fmt.Sprint(err), "up: ") {
		t.Errorf("got %v", err)
	}
	if _, ok := errors.AsType[*op.UnsupportedError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// TestForgottenErr: a network of which nobody asked whether its weights fit
// does not compile.
func TestForgottenErr(t *testing.T) {
	w := NewWeights(checkpointOf{f32("fc1.weight", 5, 3), f32("fc1.bias", 5), f32("fc2.weight", 2, 4)})
	fc1, fc2 := NewLinear(w.At("fc1"), 3, 5), NewLinear(w.At("fc2"), 5, 2)
	_, err := Compile(context.Background(), optest.Reference(), Sequential{fc1, fc2})
	e, ok := errors.AsType[*StateDictError](err)
	if !ok || !slices.Equal(e.Missing, []string{"fc2.bias"}) || len(e.Mismatch) != 1 {
		t.Errorf("got %v", err)
	}
}

func FuzzStateDictError(f *testing.F) {
	f.Add("fc.weight", "module.fc.weight", 2)
	f.Fuzz(func(t *testing.T, a, b string, n int) {
		w := NewWeights(checkpointOf{f32(a, 1), f32(b, 2)})
		NewLinear(w.At(a), 1, 1)
		w.Rename(n, b, a)
		w.At(b).Vector("", min(n, 10))
		w.Ignore(b)
		if err := w.Err(a); err != nil && !strings.HasPrefix(err.Error(), "Error(s) in loading state_dict for "+a) {
			t.Error(err)
		}
	})
}
