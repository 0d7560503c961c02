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
		{name: "contract/name", run: func(b op.Backend) error {
			if b.Name() == "" {
				return errors.New("the backend has no name")
			}
			return nil
		}},
		{name: "contract/threads change nothing", run: sameForThreads},
		{name: "contract/pictures alone and in a batch are the same", run: sameInBatch},
		{name: "contract/shapes in turn", run: shapesInTurn},
		{name: "contract/goroutines at once", run: goroutinesAtOnce},
		{name: "contract/a limit of memory", run: limitOfMemory},
		{name: "contract/the graph is not changed", run: graphUnchanged},
		{name: "contract/the graph is not kept", run: graphNotKept},
		{name: "contract/unknown operator", run: unknownOperator},
		{name: "contract/cancelled", run: cancelled},
		{name: "contract/wrong inputs", run: wrongShapes},
		{name: "contract/wrong operands", run: wrongOperands},
		{name: "contract/closed", run: closed},
		{name: "contract/closed while running", run: closedWhileRunning},
		{name: "contract/profile", run: profile},
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
