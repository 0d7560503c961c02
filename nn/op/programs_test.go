package op_test

import (
	"errors"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

func TestPrograms(t *testing.T) {
	var programs op.Programs[int]
	planned := 0
	plan := func([]tensor.Shape) (int, error) {
		planned++
		return planned, nil
	}
	get := func(want int, in ...tensor.Shape) {
		t.Helper()
		if got, err := programs.For(in, plan); got != want || err != nil {
			t.Errorf("%v: program %d (%v), want %d", in, got, err, want)
		}
	}
	shape := tensor.Shape{1}
	get(1, shape)
	shape[0] = 99 // the caller's own
	for n := 2; n <= op.MostPrograms; n++ {
		get(n, tensor.Shape{n})
	}
	get(1, tensor.Shape{1})
	get(op.MostPrograms+1, tensor.Shape{1}, tensor.Shape{1}) // the place of (2), which is now the oldest
	get(1, tensor.Shape{1})
	get(3, tensor.Shape{3})
	get(op.MostPrograms+2, tensor.Shape{2})
	failure := errors.New("no plan")
	for range 2 {
		_, err := programs.For(nil, func([]tensor.Shape) (int, error) { return 7, failure })
		if err != failure {
			t.Errorf("%v, want %v", err, failure)
		}
	}
	programs.Close()
	if _, err := programs.For([]tensor.Shape{{1}}, plan); err != op.ErrClosed {
		t.Errorf("closed: %v", err)
	}
}

func TestCheckOperands(t *testing.T) {
	x, err := tensor.New(tensor.Float32, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	specs := []op.Spec{op.F32(2, 3)}
	if err := op.CheckOperands("input", specs, []*tensor.Tensor{x}); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		specs []op.Spec
		ts    []*tensor.Tensor
		index int
	}{
		"none":          {specs, nil, -1},
		"nil":           {specs, []*tensor.Tensor{nil}, 0},
		"another shape": {[]op.Spec{op.F32(3, 2)}, []*tensor.Tensor{x}, 0},
		"another type":  {[]op.Spec{{DType: tensor.Int32, Shape: x.Shape()}}, []*tensor.Tensor{x}, 0},
		"an outline":    {append(specs, specs...), []*tensor.Tensor{x, x.Outline()}, 1},
	} {
		e, ok := errors.AsType[*op.OperandError](op.CheckOperands("output", c.specs, c.ts))
		if !ok || e.Kind != "output" || e.Index != c.index {
			t.Errorf("%s: %v", name, e)
		}
	}
}
