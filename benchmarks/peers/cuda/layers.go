package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A tap is a backend under a network that also gives out what layers compute.
type tap struct {
	op.Backend
	chosen func(op.Node) bool // nil for all of float32
	alone  bool               // load the network up to each layer, so that what is given out is read by nothing else
	models []op.Model
	graphs []*op.Graph // of the models
	taps   [][]tapped  // of the models, behind their own outputs
}

// tapped is a result of a node.
type tapped struct {
	node op.Node
	out  int
}

// Load implements [op.Backend]. The model that it returns is the network as it is; the others are for run.
func (t *tap) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	var all []tapped
	for _, n := range g.Nodes {
		for i := range n.Out {
			if t.chosen == nil || t.chosen(n) {
				all = append(all, tapped{n, i})
			}
		}
	}
	add := func(g *op.Graph, list []tapped) error {
		with := *g
		with.Outputs = slices.Clone(g.Outputs)
		for _, x := range list {
			with.Outputs = append(with.Outputs, x.node.Out[x.out])
		}
		m, err := t.Backend.Load(ctx, &with, o)
		if err == nil {
			t.models, t.graphs, t.taps = append(t.models, m), append(t.graphs, with.Outline()), append(t.taps, list)
		}
		return err
	}
	if !t.alone {
		if err := add(g, all); err != nil {
			return nil, err
		}
	}
	for i := range all {
		if !t.alone {
			break
		}
		if err := add(upTo(g, all[i].node.Out[all[i].out]), all[i:i+1]); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t.Backend.Load(ctx, g, o)
}

// upTo returns the part of g that v depends on, without outputs.
func upTo(g *op.Graph, v op.Value) *op.Graph {
	needed := make([]bool, g.Values)
	needed[v] = true
	part := &op.Graph{Inputs: g.Inputs, Values: g.Values}
	for _, n := range slices.Backward(g.Nodes) {
		if !slices.ContainsFunc(n.Out, func(v op.Value) bool { return needed[v] }) {
			continue
		}
		part.Nodes = append(part.Nodes, n)
		for _, v := range n.In {
			needed[v] = true
		}
	}
	slices.Reverse(part.Nodes)
	return part
}

// run gives every tapped value to a function.
func (t *tap) run(ctx context.Context, in []*tensor.Tensor, f func(tapped, *tensor.Tensor) error) error {
	shapes := make([]tensor.Shape, len(in))
	for i, x := range in {
		shapes[i] = x.Shape()
	}
	for i, m := range t.models {
		specs, err := t.graphs[i].Infer(shapes...)
		if err != nil {
			return err
		}
		out := make([]*tensor.Tensor, len(t.graphs[i].Outputs))
		for k, v := range t.graphs[i].Outputs {
			if out[k], err = tensor.New(specs[v].DType, specs[v].Shape...); err != nil {
				return err
			}
		}
		p, err := m.Program(shapes...)
		if err != nil {
			return err
		}
		if err := p.RunInto(ctx, out, in); err != nil {
			return err
		}
		first := len(out) - len(t.taps[i])
		for k, x := range t.taps[i] {
			if err := f(x, out[first+k]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tap) close() error {
	var errs []error
	for _, m := range t.models {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// A layer is what parity.py is told about a value in the file: whose it is, and which module of torch has the same. An
// epilogue says whether that is behind an addition and an activation.
type layer struct {
	Path     string `json:"path"`
	Op       string `json:"op"`
	Result   int    `json:"result"`
	Residual int    `json:"residual"`
	Act      int    `json:"act"`
	DType    string `json:"dtype"`
	Shape    []int  `json:"shape"`
	Offset   int64  `json:"offset"`
}

// layers runs a network once and writes input.f32, layers.bin and layers.json into a directory. Below float32's two
// precisions a value that leaves the network is rounded otherwise than one that stays inside: there the network is
// loaded anew up to the end of every block, and to what decides about objects.
func (w *worker) layers(ctx context.Context, s setting, dir string) (err error) {
	t := &tap{Backend: w.gpu}
	if s.precision > op.TensorFloat32 {
		t.alone, t.chosen = true, ends
	}
	net, in, err := w.traced(ctx, t, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close(), net.Close()) }()
	if err := os.WriteFile(filepath.Join(dir, "input.f32"), in[0].Bytes(), 0o644); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "layers.bin"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered, list, at := bufio.NewWriterSize(f, 1<<20), []layer{}, int64(0)
	err = t.run(ctx, in, func(x tapped, y *tensor.Tensor) error {
		l := layer{Path: x.node.Path, Op: x.node.Op.Name(), Result: x.out, DType: y.DType().String(), Shape: y.Shape()}
		l.Offset = at
		if e := op.EpilogueOf(x.node.Op); e != nil {
			l.Residual, l.Act = int(e.Residual), int(e.Act)
		}
		list, at = append(list, l), at+int64(len(y.Bytes()))
		return binary.Write(buffered, binary.LittleEndian, y.Bytes())
	})
	if err := errors.Join(err, buffered.Flush()); err != nil {
		return err
	}
	data, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "layers.json"), data, 0o644)
}

// ends reports whether a node ends a block, or leads out of the network.
func ends(n op.Node) bool {
	switch n.Op.(type) {
	case *op.Proposals, *op.Detections, *op.MaskSelect, *op.MaxPool2d:
		return true
	case *op.Linear:
		return true
	}
	e := op.EpilogueOf(n.Op)
	return e != nil && (e.Residual != op.NoResidual || e.Act == op.NoAct)
}

// traced compiles a network of normalised images, and returns its inputs.
func (w *worker) traced(ctx context.Context, b op.Backend, s setting) (*nn.Network, []*tensor.Tensor, error) {
	precision := nn.WithPrecision(s.precision)
	if s.network != "maskrcnn" {
		src, err := procedural.Classifier(os.DirFS(w.testdata), s.network)
		if err != nil {
			return nil, nil, err
		}
		x, err := images(s)
		if err != nil {
			return nil, nil, err
		}
		net, err := nn.Compile(ctx, b, vision.NewResNet(nn.NewWeights(src), nn.DefaultEps), precision)
		return net, []*tensor.Tensor{x}, err
	}
	src, err := procedural.MaskRCNN(os.DirFS(w.testdata))
	if err != nil {
		return nil, nil, err
	}
	x, err := w.normalized(s)
	if err != nil {
		return nil, nil, err
	}
	sizes, err := tensor.Of([]float32{float32(s.height), float32(s.width)}, 1, 2)
	if err != nil {
		return nil, nil, err
	}
	m := vision.NewMaskRCNN(nn.NewWeights(src), vision.DefaultRCNN())
	net, err := nn.CompileFunc(ctx, b, []tensor.DType{tensor.Float32, tensor.Float32}, func(in ...nn.Value) []nn.Value {
		o := m.Forward(in[0], in[1])
		return []nn.Value{o.Boxes, o.Labels, o.Scores, o.Count, o.Masks}
	}, precision)
	return net, []*tensor.Tensor{x, sizes}, err
}

// normalized is the photograph as a detector's network is given it, (1, 3, H, W).
func (w *worker) normalized(s setting) (*tensor.Tensor, error) {
	if s.height%32 != 0 || s.width%32 != 0 {
		return nil, fmt.Errorf("%d×%d: want multiples of 32", s.height, s.width)
	}
	x, err := w.picture(s)
	if err != nil {
		return nil, err
	}
	numbers, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	mean, std, pixels := [...]float32{0.485, 0.456, 0.406}, [...]float32{0.229, 0.224, 0.225}, s.height*s.width
	for i := range numbers {
		numbers[i] = (numbers[i] - mean[i/pixels]) / std[i/pixels]
	}
	return tensor.Of(numbers, 1, 3, s.height, s.width)
}
