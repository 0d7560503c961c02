package optest

import (
	"context"
	"errors"
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// This file has the cases of the contract that end in an error.

// alien is an operator that no backend knows.
type alien struct{ op.Add }

func (*alien) Name() string { return "alien" }

func unknownOperator(b op.Backend) error {
	var g builder
	x := g.input(tensor.Float32)
	x = g.add("first.strange", &alien{}, 1, x, x)[0]
	g.output(g.add("second.strange", &alien{}, 1, x, x)...)
	m, err := b.Load(context.Background(), g.graph(), op.Options{})
	if err == nil {
		return errors.Join(errors.New("an operator that nobody knows was loaded"), m.Close())
	}
	e, ok := errors.AsType[*op.UnsupportedError](err)
	if !ok || !errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("want an UnsupportedError, got %w", err)
	}
	if e.Backend != b.Name() || len(e.Missing) != 2 {
		return fmt.Errorf("want %s and both operators in %q", b.Name(), err)
	}
	return nil
}

func cancelled(b op.Backend) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l, err := load(b, "cancelled", op.Options{})
	if err != nil {
		return err
	}
	if _, err := b.Load(ctx, l.graph, op.Options{}); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("Load with a cancelled context: want its error, got %v", err)
	}
	x := l.src.normal(1, 3, 9, 9)
	want, err := l.run(x)
	if err != nil {
		return err
	}
	p, err := l.model.Program(x.Shape())
	if err != nil {
		return err
	}
	out := []*tensor.Tensor{want[0].Clone(), want[1].Clone()}
	if err := isCancelled(p.RunInto(ctx, out, []*tensor.Tensor{x})); err != nil {
		return err
	}
	got, err := l.run(x)
	if err == nil {
		err = equalAll(got, want)
	}
	if err != nil {
		return fmt.Errorf("after a cancelled run: %w", err)
	}
	return l.model.Close()
}

// isCancelled returns an error unless err is what a cancelled run returns.
func isCancelled(err error) error {
	step, ok := errors.AsType[*op.StepError](err)
	if !ok || !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a cancelled run: want a StepError that wraps context.Canceled, got %v", err)
	}
	if step.Path == "" || step.Op == "" {
		return fmt.Errorf("a cancelled run: %q does not say where it stopped", err)
	}
	return nil
}

func wrongShapes(b op.Backend) error {
	l, err := load(b, "wrong shapes", op.Options{})
	if err != nil {
		return err
	}
	for _, in := range [][]tensor.Shape{{}, {{1, 3, 8, 8}, {1, 3, 8, 8}}, {{1, -3, 8, 8}}} {
		_, err := l.model.Program(in...)
		if _, ok := errors.AsType[*op.OperandError](err); !ok {
			return fmt.Errorf("a program for %v: want an OperandError, got %v", in, err)
		}
	}
	for _, in := range []tensor.Shape{{1, 4, 8, 8}, {3, 8, 8}, {}} {
		_, err := l.model.Program(in)
		if e, ok := errors.AsType[*op.ShapeError](err); !ok || e.Path != "stages.0" {
			return fmt.Errorf("a program for %v: want a ShapeError of stages.0, got %v", in, err)
		}
	}
	return l.model.Close()
}

func wrongOperands(b op.Backend) error {
	l, err := load(b, "wrong operands", op.Options{})
	if err != nil {
		return err
	}
	x := l.src.normal(1, 3, 9, 9)
	good, err := l.run(x)
	if err != nil {
		return err
	}
	p, err := l.model.Program(x.Shape())
	if err != nil {
		return err
	}
	other := empty(tensor.Float32, 1, 3, 9, 8)
	integers := empty(tensor.Int32, x.Shape()...)
	flat := must(good[1].Reshape(good[1].Len()))
	in := []*tensor.Tensor{x}
	for _, c := range []struct {
		name    string
		out, in []*tensor.Tensor
		kind    string
		index   int
	}{
		{"no input", good, nil, "input", -1},
		{"two inputs", good, []*tensor.Tensor{x, x}, "input", -1},
		{"a nil input", good, []*tensor.Tensor{nil}, "input", 0},
		{"an input of another shape", good, []*tensor.Tensor{other}, "input", 0},
		{"an input of another type", good, []*tensor.Tensor{integers}, "input", 0},
		{"an input without elements", good, []*tensor.Tensor{x.Outline()}, "input", 0},
		{"one output", good[:1], in, "output", -1},
		{"a nil output", []*tensor.Tensor{good[0], nil}, in, "output", 1},
		{"an output of another shape", []*tensor.Tensor{good[0], flat}, in, "output", 1},
		{"an output without elements", []*tensor.Tensor{good[0], good[1].Outline()}, in, "output", 1},
		{"an output of another type", []*tensor.Tensor{empty(tensor.Float64, good[0].Shape()...), good[1]}, in, "output", 0},
	} {
		err := p.RunInto(context.Background(), c.out, c.in)
		if e, ok := errors.AsType[*op.OperandError](err); !ok || e.Kind != c.kind || e.Index != c.index {
			return fmt.Errorf("%s: want an OperandError of %s %d, got %v", c.name, c.kind, c.index, err)
		}
	}
	return l.model.Close()
}

func closed(b op.Backend) error {
	l, err := load(b, "closed", op.Options{})
	if err != nil {
		return err
	}
	if l.model.Bytes() <= 0 {
		return fmt.Errorf("weights take %d bytes", l.model.Bytes())
	}
	x := l.src.normal(1, 3, 9, 9)
	out, err := l.run(x)
	if err != nil {
		return err
	}
	p, err := l.model.Program(x.Shape())
	if err != nil {
		return err
	}
	if err := l.model.Close(); err != nil {
		return fmt.Errorf("closing: %w", err)
	}
	if err := p.RunInto(context.Background(), out, []*tensor.Tensor{x}); !errors.Is(err, op.ErrClosed) {
		return fmt.Errorf("a run of a closed model: want ErrClosed, got %v", err)
	}
	for _, s := range []tensor.Shape{x.Shape(), {1, 3, 10, 10}} {
		if _, err := l.model.Program(s); !errors.Is(err, op.ErrClosed) {
			return fmt.Errorf("a program of a closed model: want ErrClosed, got %v", err)
		}
	}
	if err := l.model.Close(); err != nil && !errors.Is(err, op.ErrClosed) {
		return fmt.Errorf("closing twice: want ErrClosed or nothing, got %w", err)
	}
	return nil
}
