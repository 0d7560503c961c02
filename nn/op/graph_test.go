package op

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/tensor"
)

// small is conv → relu, and an input of bytes that is not read.
func small() *Graph {
	return &Graph{
		Inputs: []Input{{0, tensor.Float32}, {1, tensor.Uint8}},
		Nodes: []Node{
			{Path: "conv", Op: &Conv2d{Weight: weight(5, 3, 3, 3)}, In: []Value{0}, Out: []Value{2}},
			{Path: "relu", Op: &Activation{Act: ReLU}, In: []Value{2}, Out: []Value{3}},
		},
		Outputs: []Value{3, 2},
		Values:  4,
	}
}

func TestValidate(t *testing.T) {
	if err := small().Validate(); err != nil {
		t.Errorf("a valid graph: %v", err)
	}
	if err := (&Graph{}).Validate(); err != nil {
		t.Errorf("an empty graph: %v", err)
	}
	for name, c := range map[string]struct {
		damage func(g *Graph)
		want   string
	}{
		"read before written":    {func(g *Graph) { slices.Reverse(g.Nodes) }, "relu: value 2 read before it is written"},
		"reads itself":           {func(g *Graph) { g.Nodes[1].In[0] = 3 }, "relu: value 3 read before"},
		"no such operand":        {func(g *Graph) { g.Nodes[0].In[0] = 4 }, "conv: value 4 read before"},
		"negative operand":       {func(g *Graph) { g.Nodes[0].In[0] = -1 }, "conv: value -1 read before"},
		"written twice":          {func(g *Graph) { g.Nodes[1].Out[0] = 2 }, "relu: value 2 written twice"},
		"an input written":       {func(g *Graph) { g.Nodes[1].Out[0] = 0 }, "relu: value 0 written twice"},
		"two inputs alike":       {func(g *Graph) { g.Inputs[1].Value = 0 }, "value 0 written twice"},
		"too few values":         {func(g *Graph) { g.Values = 3 }, "relu: value 3 of 3"},
		"output not written":     {func(g *Graph) { g.Nodes = g.Nodes[:1] }, "value 3 read before"},
		"no such output":         {func(g *Graph) { g.Outputs[1] = 17 }, "value 17 read before"},
		"no operator":            {func(g *Graph) { g.Nodes[0].Op = nil }, "conv: the node has no operator"},
		"a nil operator":         {func(g *Graph) { g.Nodes[0].Op = (*Conv2d)(nil) }, "conv: the node has no operator"},
		"no operand":             {func(g *Graph) { g.Nodes[1].In = nil }, "relu: the node has no operand"},
		"no counts":              {func(g *Graph) { g.Nodes[1].Op = &RoIAlign{} }, "relu: the node has no operand"},
		"no result":              {func(g *Graph) { g.Nodes[1].Out = nil }, "relu: the node has no result"},
		"no weight":              {func(g *Graph) { g.Nodes[0].Op = &Conv2d{} }, "conv: the node has no weight"},
		"no transposed weight":   {func(g *Graph) { g.Nodes[0].Op = &ConvTranspose2d{} }, "conv: the node has no weight"},
		"no matrix":              {func(g *Graph) { g.Nodes[0].Op = &Linear{} }, "conv: the node has no weight"},
		"no variance":            {func(g *Graph) { g.Nodes[0].Op = &BatchNorm2d{Weight: weight(1), Bias: weight(1), Mean: weight(1)} }, "no weight"},
		"no length's weight":     {func(g *Graph) { g.Nodes[0].Op = &L2Norm{} }, "conv: the node has no weight"},
		"no norm's bias":         {func(g *Graph) { g.Nodes[0].Op = &LayerNorm{Weight: weight(1)} }, "conv: the node has no weight"},
		"no positions":           {func(g *Graph) { g.Nodes[0].Op = &Tokens{Class: weight(1)} }, "conv: the node has no weight"},
		"all mistakes are named": {func(g *Graph) { g.Nodes[0].In[0], g.Outputs[0] = 9, 8 }, "value 8 read"},
	} {
		g := small()
		c.damage(g)
		if err := g.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: want %q, got %v", name, c.want, err)
		}
	}
}

func TestGraphInfer(t *testing.T) {
	g := small()
	specs, err := g.Infer(tensor.Shape{2, 3, 7, 8}, tensor.Shape{4})
	want := []Spec{F32(2, 3, 7, 8), {tensor.Uint8, tensor.Shape{4}}, F32(2, 5, 5, 6), F32(2, 5, 5, 6)}
	if err != nil || !slices.EqualFunc(specs, want, Spec.Equal) {
		t.Errorf("got %v, %v", specs, err)
	}
	for _, in := range [][]tensor.Shape{nil, {{2, 3, 7, 8}}, {{}, {}, {}}, {{2, -3, 7, 8}, {4}}, {{2, 3, 7, 8}, {1 << 62}}} {
		_, err := g.Infer(in...)
		if _, ok := errors.AsType[*OperandError](err); !ok {
			t.Errorf("%v: want an OperandError, got %v", in, err)
		}
	}
	_, err = g.Infer(tensor.Shape{2, 4, 7, 8}, tensor.Shape{4})
	if e, ok := errors.AsType[*ShapeError](err); !ok || e.Path != "conv" {
		t.Errorf("want a ShapeError of conv, got %v", err)
	}
	if want := "conv: conv2d: got float32 (2, 4, 7, 8); want float32 (N, 3, H, W)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	g.Nodes[1].Out = nil
	g.Outputs = []Value{2}
	if _, err := g.Infer(tensor.Shape{2, 3, 7, 8}, tensor.Shape{4}); err == nil || !strings.Contains(err.Error(), "1 outputs") {
		t.Errorf("a node without outputs: %v", err)
	}
}

// TestGraphInferOverflow: an output too large to address is an error.
func TestGraphInferOverflow(t *testing.T) {
	g := &Graph{
		Inputs: []Input{{0, tensor.Float32}, {1, tensor.Uint8}},
		Nodes:  []Node{{Path: "up", Op: &Upsample{}, In: []Value{0, 1}, Out: []Value{2}}},
		Values: 3,
	}
	_, err := g.Infer(tensor.Shape{1 << 20, 1 << 20, 1, 1}, tensor.Shape{1, 0, 1 << 20, 1 << 20})
	if e, ok := errors.AsType[*ShapeError](err); !ok || e.Path != "up" {
		t.Errorf("want a ShapeError of up, got %v", err)
	}
}

func TestCountedRows(t *testing.T) {
	// 0 boxes, 1 count, 2 feature map, 3 labels; 4 rows of RoIAlign and what is made of them.
	node := func(o Op, out Value, in ...Value) Node { return Node{Op: o, In: in, Out: []Value{out}} }
	g := &Graph{
		Inputs: []Input{{0, tensor.Float32}, {1, tensor.Int32}, {2, tensor.Float32}, {3, tensor.Int64}},
		Nodes: []Node{
			node(&RoIAlign{}, 4, 0, 1, 2),
			node(&Flatten{}, 5, 4),
			node(&Linear{}, 6, 5),
			node(&Activation{}, 7, 6),
			node(&Conv2d{}, 8, 4),
			node(&ConvTranspose2d{}, 9, 8),
			node(&MaskSelect{}, 10, 9, 3, 1),
			node(&Activation{}, 11, 10),
			{Op: &Detections{}, In: []Value{0, 0, 1, 7, 7}, Out: []Value{12, 13, 14, 15}},
			node(&Conv2d{}, 16, 2),
			node(&RoIAlign{}, 17, 12, 15, 2),
			node(&BatchNorm2d{}, 18, 17),
			node(&Add{}, 19, 16, 18),
			node(&Upsample{}, 20, 16, 18),
		},
		Values: 21,
	}
	want := []Value{-1, -1, -1, -1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, 15, 15, 15, -1}
	if got := g.CountedRows(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestShapeOnly(t *testing.T) {
	for _, c := range []struct {
		o    Op
		i    int
		want bool
	}{
		{&Upsample{}, 0, false}, {&Upsample{}, 1, true}, {&Proposals{}, 0, false}, {&Proposals{}, 1, true},
		{&Proposals{}, 2, false}, {&Preprocess{}, 0, false}, {&Preprocess{}, 1, false}, {&Preprocess{}, 2, true},
		{&SSDDetections{}, 0, false}, {&SSDDetections{}, 1, true}, {&SSDDetections{}, 2, false},
		{&MaskPaste{}, 1, false}, {&MaskPaste{}, 2, true}, {&Add{}, 1, false}, {&Conv2d{}, 1, false},
	} {
		if got := ShapeOnly(c.o, c.i); got != c.want {
			t.Errorf("operand %d of %s: %v", c.i, c.o.Name(), got)
		}
	}
}

func TestCloneSharesNoEpilogue(t *testing.T) {
	for _, o := range []Op{&Conv2d{Weight: weight(1)}, &ConvTranspose2d{Weight: weight(1)}, &Linear{Weight: weight(1)},
		&GroupNorm{}} {
		c := Clone(o)
		EpilogueOf(c).Act = ReLU
		if EpilogueOf(o).Act != NoAct || c == o {
			t.Errorf("%s: the epilogue is shared", o.Name())
		}
	}
	if o := Op(&Add{}); Clone(o) != o || EpilogueOf(o) != nil || AllowsNearest(o) {
		t.Error("an Add has an epilogue")
	}
	if !AllowsNearest(&Conv2d{}) || !AllowsNearest(&ConvTranspose2d{}) || AllowsNearest(&Linear{}) {
		t.Error("images and only they can be upsampled to")
	}
}

func TestErrors(t *testing.T) {
	var err error = &UnsupportedError{Backend: "toy", Missing: []string{"a: add", "b: linear"}}
	if !errors.Is(err, errors.ErrUnsupported) || err.Error() != "toy cannot run: a: add; b: linear" {
		t.Error(err)
	}
	err = &StepError{Path: "layer1", Op: "conv2d", Err: ErrClosed}
	if !errors.Is(err, ErrClosed) || err.Error() != "layer1: conv2d: model is closed" {
		t.Error(err)
	}
	err = &OperandError{Kind: "input", Index: -1, Got: "2", Want: "1"}
	if err.Error() != "inputs: got 2, want 1" {
		t.Error(err)
	}
	err = &OperandError{Kind: "output", Index: 3, Got: "nil", Want: "float32 (1,)"}
	if err.Error() != "output 3: got nil, want float32 (1,)" {
		t.Error(err)
	}
	err = &ShapeError{Op: "add", In: []Spec{F32(1), i64(2, 3)}, Want: "peace"}
	if err.Error() != "add: got float32 (1,), int64 (2, 3); want peace" {
		t.Error(err)
	}
}

func TestOutline(t *testing.T) {
	w, err := tensor.New(tensor.Float32, 4, 3, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	g := &Graph{
		Inputs: []Input{{0, tensor.Float32}}, Values: 3, Outputs: []Value{2},
		Nodes: []Node{
			{"conv", &Conv2d{Weight: w, Padding: [2]int{1, 1}}, []Value{0}, []Value{1}},
			{"relu", &Activation{Act: ReLU}, []Value{1}, []Value{2}},
		},
	}
	o := g.Outline()
	conv, ok := o.Nodes[0].Op.(*Conv2d)
	if !ok || len(conv.Weight.Bytes()) != 0 || conv.Padding != [2]int{1, 1} {
		t.Errorf("outline %+v", o.Nodes[0].Op)
	}
	if got := g.Nodes[0].Op.(*Conv2d).Weight; got != w {
		t.Error("the graph itself lost its weights")
	}
	if err := o.Validate(); err != nil {
		t.Error(err)
	}
	want, err := g.Infer(tensor.Shape{1, 3, 5, 6})
	if err != nil {
		t.Fatal(err)
	}
	got, err := o.Infer(tensor.Shape{1, 3, 5, 6})
	if err != nil || !slices.EqualFunc(got, want, Spec.Equal) {
		t.Errorf("shapes %v, %v; want %v", got, err, want)
	}
}
