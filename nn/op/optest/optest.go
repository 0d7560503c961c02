package optest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// Run runs the conformance suite on b, one subtest per case.
//
// unsupported lists what b cannot do, as names of cases or beginnings of them
// that end before a slash: "conv_transpose2d", or "conv2d/6 to 10 k3x3 groups
// 2 on 5x7". Loading such a network has to fail with an [*op.UnsupportedError].
// Nothing else may fail, and nothing listed may work: the list is the truth.
// Cases under "cost", which are about memory and cancellation and not about
// results, may be listed too; they then have to fail in their own way.
func Run(t *testing.T, b op.Backend, unsupported ...string) {
	t.Helper()
	runAll(t, b, nil, unsupported)
}

func runAll(t *testing.T, b op.Backend, without, unsupported []string) {
	t.Helper()
	all := cases()
	for _, name := range slices.Concat(without, unsupported) {
		if !slices.ContainsFunc(all, func(c testCase) bool { return c.named(name) }) {
			t.Errorf("%s: no case is named %q", b.Name(), name)
		}
	}
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			if slices.Contains(without, c.name) {
				t.Skip("NOT RUN at lower precisions: see RunAt")
			}
			if c.skip != "" {
				t.Skip(c.skip)
			}
			if err := c.verdict(b, unsupported); err != nil {
				t.Errorf("%s: %v", b.Name(), err)
			}
		})
	}
}

// testCase is one thing that a backend has to do.
type testCase struct {
	name string
	run  func(b op.Backend) error // nil if b does it
	skip string                   // why it cannot be tried in this build
}

// cases has one line per family of operators.
func cases() []testCase {
	return slices.Concat(
		groupNormCases(), denseDetectionsCases(),
		conv2dCases(), convTranspose2dCases(), linearCases(), batchNorm2dCases(), activationCases(), addCases(), mulCases(),
		l2NormCases(), ssdDetectionsCases(),
		poolCases(), flattenCases(), upsampleCases(), concatCases(), preprocessCases(),
		layerNormCases(), attentionCases(), tokensCases(), selectCases(),
		roiAlignCases(), proposalsCases(), detectionsCases(), maskSelectCases(), maskPasteCases(), keypointsCases(),
		graphCases(), networkCases(), contractCases(), costCases(),
	)
}

// named reports whether name is c's, or that of a group it belongs to.
func (c testCase) named(name string) bool {
	return c.name == name || strings.HasPrefix(c.name, name+"/")
}

// verdict runs c and returns what is wrong, given what b is said to lack.
func (c testCase) verdict(b op.Backend, unsupported []string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	err = c.run(b)
	if !slices.ContainsFunc(unsupported, c.named) {
		return err
	}
	_, expected := errors.AsType[*op.UnsupportedError](err)
	switch {
	case err == nil:
		return errors.New("is listed as unsupported and works")
	case expected || strings.HasPrefix(c.name, "cost/"):
		return nil
	}
	return fmt.Errorf("want an UnsupportedError, got %w", err)
}

// sample is a network with inputs.
type sample struct {
	graph *op.Graph
	in    []*tensor.Tensor
}

// numeric returns a case that compares with the reference, with the errors of
// float32 arithmetic allowed.
func numeric(name string, build func(s source) sample) testCase {
	return against(name, arithmetic, build)
}

// exact returns a case whose results have to be equal to the reference's.
func exact(name string, build func(s source) sample) testCase {
	return against(name, tolerance{}, build)
}

func against(name string, t tolerance, build func(s source) sample) testCase {
	return testCase{name: name, run: func(b op.Backend) error {
		x := build(newSource(name))
		x.in = inRange(precisionOf(b), x.in)
		got, err := runOnce(b, op.Options{}, x)
		if err != nil {
			return err
		}
		want, err := runOnce(Reference(), op.Options{}, x)
		if err != nil {
			return err
		}
		return t.compareAt(precisionOf(b), x.graph, got, want)
	}}
}

func compareAll(t tolerance, got, want []*tensor.Tensor) error {
	for i := range want {
		if err := t.compare(got[i], want[i]); err != nil {
			return fmt.Errorf("output %d %w", i, err)
		}
	}
	return nil
}

// runOnce loads x, runs it and closes the model.
func runOnce(b op.Backend, o op.Options, x sample) ([]*tensor.Tensor, error) {
	m, err := b.Load(context.Background(), x.graph, o)
	if err != nil {
		return nil, fmt.Errorf("loading: %w", err)
	}
	p, err := m.Program(shapes(x.in)...)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	if _, ok := b.(*reference); !ok {
		// What is left in memory by a run on NaN must not be seen by the next.
		if _, err := run(p, x.graph, poisoned(x.in)); err != nil {
			return nil, fmt.Errorf("with NaN for input: %w", err)
		}
	}
	out, err := run(p, x.graph, x.in)
	return out, errors.Join(err, m.Close())
}

// run runs p between guard zones and checks that it wrote its outputs and
// nothing else.
func run(p op.Program, g *op.Graph, in []*tensor.Tensor) ([]*tensor.Tensor, error) {
	specs, err := g.Infer(shapes(in)...)
	if err != nil {
		return nil, err
	}
	var guards []*guard
	guarded := func(d tensor.DType, shape tensor.Shape) *tensor.Tensor {
		t, z := newGuard(d, shape)
		guards = append(guards, z)
		return t
	}
	inputs, outputs := make([]*tensor.Tensor, len(in)), make([]*tensor.Tensor, len(g.Outputs))
	for i, t := range in {
		inputs[i] = guarded(t.DType(), t.Shape())
		copy(inputs[i].Bytes(), t.Bytes())
	}
	for i, v := range g.Outputs {
		outputs[i] = guarded(specs[v].DType, specs[v].Shape)
	}
	if err := p.RunInto(context.Background(), outputs, inputs); err != nil {
		return nil, err
	}
	for i, z := range guards {
		if err := z.check(); err != nil {
			return nil, fmt.Errorf("operand %d of inputs and outputs: %w", i, err)
		}
	}
	for i, t := range in {
		if err := equal(inputs[i], t); err != nil {
			return nil, fmt.Errorf("input %d was changed: %w", i, err)
		}
	}
	return outputs, nil
}

func shapes(ts []*tensor.Tensor) []tensor.Shape {
	s := make([]tensor.Shape, len(ts))
	for i, t := range ts {
		s[i] = t.Shape()
	}
	return s
}
