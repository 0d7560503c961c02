package optest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// contractCases are the promises of package op that are about no operator.
func contractCases() []testCase {
	return []testCase{
		{"contract/name", func(b op.Backend) error {
			if b.Name() == "" {
				return errors.New("the backend has no name")
			}
			return nil
		}},
		{"contract/threads change nothing", sameForThreads},
		{"contract/pictures alone and in a batch are the same", sameInBatch},
		{"contract/shapes in turn", shapesInTurn},
		{"contract/goroutines at once", goroutinesAtOnce},
		{"contract/a limit of memory", limitOfMemory},
		{"contract/the graph is not changed", graphUnchanged},
		{"contract/the graph is not kept", graphNotKept},
		{"contract/unknown operator", unknownOperator},
		{"contract/cancelled", cancelled},
		{"contract/wrong inputs", wrongShapes},
		{"contract/wrong operands", wrongOperands},
		{"contract/closed", closed},
		{"contract/closed while running", closedWhileRunning},
		{"contract/profile", profile},
	}
}

// loaded is a small network of a case, ready to run.
type loaded struct {
	graph *op.Graph
	model op.Model
	src   source
}

// load loads the small network of a name, always the same.
func load(b op.Backend, name string, o op.Options) (loaded, error) {
	s := newSource(name)
	g := newNetwork(s).graph(true)
	m, err := b.Load(context.Background(), g, o)
	return loaded{g, m, s}, err
}

func (l loaded) run(in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	p, err := l.model.Program(shapes(in)...)
	if err != nil {
		return nil, err
	}
	return run(p, l.graph, in)
}

func equalAll(got, want []*tensor.Tensor) error {
	for i := range want {
		if err := equal(got[i], want[i]); err != nil {
			return fmt.Errorf("output %d %w", i, err)
		}
	}
	return nil
}

func sameForThreads(b op.Backend) error {
	for seed := range 3 {
		var first []*tensor.Tensor
		for _, threads := range []int{1, 2, 7, 0} {
			l, err := load(b, fmt.Sprint("threads", seed), op.Options{Threads: threads})
			if err != nil {
				return err
			}
			out, err := l.run(l.src.normal(2, 3, 13, 11))
			if err = errors.Join(err, l.model.Close()); err != nil {
				return err
			}
			if first == nil {
				first = out
			}
			if err := equalAll(out, first); err != nil {
				return fmt.Errorf("%d threads against 1: %w", threads, err)
			}
		}
	}
	return nil
}

func sameInBatch(b op.Backend) error {
	for seed := range 3 {
		l, err := load(b, fmt.Sprint("batch", seed), op.Options{})
		if err != nil {
			return err
		}
		x := l.src.normal(3, 3, 12, 13)
		batch, err := l.run(x)
		if err != nil {
			return err
		}
		for i := range 3 {
			alone, err := l.run(must(x.Slice(i, i+1)))
			if err != nil {
				return err
			}
			for j := range alone {
				if err := equal(must(batch[j].Slice(i, i+1)), alone[j]); err != nil {
					return fmt.Errorf("picture %d in a batch against alone: output %d %w", i, j, err)
				}
			}
		}
		if err := l.model.Close(); err != nil {
			return err
		}
	}
	return nil
}

func shapesInTurn(b op.Backend) error {
	l, err := load(b, "shapes", op.Options{})
	if err != nil {
		return err
	}
	var in, want [][]*tensor.Tensor
	for _, s := range []tensor.Shape{{1, 3, 13, 11}, {2, 3, 6, 7}, {1, 3, 14, 14}, {0, 3, 8, 8}, {1, 3, 5, 5}} {
		x := []*tensor.Tensor{l.src.normal(s...)}
		out, err := l.run(x...)
		if err != nil {
			return err
		}
		in, want = append(in, x), append(want, out)
	}
	for range 3 {
		for i := range in {
			out, err := l.run(in[i]...)
			if err == nil {
				err = equalAll(out, want[i])
			}
			if err != nil {
				return fmt.Errorf("the second time for %v: %w", in[i][0].Shape(), err)
			}
		}
	}
	return l.model.Close()
}

func goroutinesAtOnce(b op.Backend) error { return atOnce(b, op.Options{}) }

func limitOfMemory(b op.Backend) error { return atOnce(b, op.Options{ArenaBytes: 1}) }

func atOnce(b op.Backend, o op.Options) error {
	l, err := load(b, "goroutines", o)
	if err != nil {
		return err
	}
	in := []*tensor.Tensor{l.src.normal(1, 3, 13, 11), l.src.normal(2, 3, 9, 14)}
	var want [2][]*tensor.Tensor
	for i := range in {
		if want[i], err = l.run(in[i]); err != nil {
			return err
		}
	}
	errs := make([]error, 8)
	var wait sync.WaitGroup
	for g := range errs {
		wait.Go(func() {
			for i := range 6 {
				which := (g + i) % 2
				out, err := l.run(in[which])
				if err == nil {
					err = equalAll(out, want[which])
				}
				errs[g] = errors.Join(errs[g], err)
			}
		})
	}
	wait.Wait()
	return errors.Join(append(errs, l.model.Close())...)
}

func graphUnchanged(b op.Backend) error {
	l, err := load(b, "unchanged", op.Options{})
	if err != nil {
		return err
	}
	if _, err := l.run(l.src.normal(1, 3, 8, 8)); err != nil {
		return err
	}
	if !reflect.DeepEqual(l.graph, newNetwork(newSource("unchanged")).graph(true)) {
		return errors.New("Load or a run changed the graph or its weights")
	}
	return l.model.Close()
}

func graphNotKept(b op.Backend) error {
	l, err := load(b, "kept", op.Options{})
	if err != nil {
		return err
	}
	kept := op.Graph{Inputs: slices.Clone(l.graph.Inputs), Nodes: slices.Clone(l.graph.Nodes),
		Outputs: slices.Clone(l.graph.Outputs), Values: l.graph.Values}
	clear(l.graph.Inputs)
	clear(l.graph.Nodes)
	clear(l.graph.Outputs)
	l.graph = &kept
	if _, err := l.run(l.src.normal(1, 3, 8, 8)); err != nil {
		return fmt.Errorf("after the graph's slices were overwritten: %w", err)
	}
	return l.model.Close()
}

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
		{"one output", good[:1], in, "output", -1},
		{"a nil output", []*tensor.Tensor{good[0], nil}, in, "output", 1},
		{"an output of another shape", []*tensor.Tensor{good[0], flat}, in, "output", 1},
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

func closedWhileRunning(b op.Backend) error {
	l, err := load(b, "closed while running", op.Options{})
	if err != nil {
		return err
	}
	x := l.src.normal(1, 3, 12, 12)
	want, err := l.run(x)
	if err != nil {
		return err
	}
	errs := make([]error, 4)
	var running, wait sync.WaitGroup
	running.Add(len(errs))
	for g := range errs {
		wait.Go(func() {
			for i := 0; ; i++ {
				out, err := l.run(x)
				if i == 0 {
					running.Done()
				}
				if errors.Is(err, op.ErrClosed) {
					return
				}
				if err == nil {
					err = equalAll(out, want)
				}
				if err != nil {
					errs[g] = err
					return
				}
			}
		})
	}
	running.Wait()
	err = l.model.Close()
	wait.Wait()
	return errors.Join(append(errs, err)...)
}

func profile(b op.Backend) error {
	var p op.Profile
	l, err := load(b, "profile", op.Options{Profile: &p})
	if err != nil {
		return err
	}
	for range 3 {
		if _, err := l.run(l.src.normal(1, 3, 9, 9)); err != nil {
			return err
		}
	}
	ran := make(map[string]int)
	for _, s := range p.Steps() {
		ran[s.Path+": "+s.Op] = s.Runs
	}
	for _, n := range l.graph.Nodes {
		name := n.Path + ": " + n.Op.Name()
		if _, view := n.Op.(*op.Flatten); !view && ran[name] != 3 {
			return fmt.Errorf("%s ran 3 times, the profile has %d", name, ran[name])
		}
	}
	return l.model.Close()
}
