package optest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// costCases are promises about memory and time, not about results.
func costCases() []testCase {
	allocation := testCase{name: "cost/no allocation after warm-up", run: noAllocation}
	if raceEnabled {
		allocation.skip = "the race detector allocates, and has pools forget"
	}
	return []testCase{
		{name: "cost/cancelled between steps", run: cancelledBetween},
		{name: "cost/waiting for memory honours the context", run: waitingForMemory},
		allocation,
	}
}

// countdown is a context that is cancelled once it has been asked a number of
// times whether it is.
type countdown struct {
	mu   sync.Mutex
	left int
	done chan struct{}
}

func (c *countdown) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *countdown) Value(any) any               { return nil }

func (c *countdown) Done() <-chan struct{} {
	c.ask()
	return c.done
}

func (c *countdown) Err() error {
	if c.ask() {
		return context.Canceled
	}
	return nil
}

func (c *countdown) ask() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left--
	if c.left == -1 {
		close(c.done)
	}
	return c.left < 0
}

func cancelledBetween(b op.Backend) error {
	l, err := load(b, "cancelled between", op.Options{})
	if err != nil {
		return err
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
	places := make(map[string]bool)
	for asked := range 4 {
		out := []*tensor.Tensor{want[0].Clone(), want[1].Clone()}
		err := p.RunInto(&countdown{left: asked, done: make(chan struct{})}, out, []*tensor.Tensor{x})
		if err := isCancelled(err); err != nil {
			return fmt.Errorf("cancelled when asked for the %d. time: %w", asked+1, err)
		}
		step, _ := errors.AsType[*op.StepError](err)
		places[step.Path] = true
	}
	if len(places) < 2 {
		return errors.New("runs always stop at the same step, whenever they are cancelled")
	}
	got, err := l.run(x)
	if err == nil {
		err = equalAll(got, want)
	}
	return errors.Join(err, l.model.Close())
}

// gate is a context that holds a run up between its first steps until it is
// opened.
type gate struct {
	context.Context
	mu     sync.Mutex
	asked  int
	inside chan struct{} // closed once the run is held up
	opened chan struct{}
}

func (g *gate) Err() error {
	g.mu.Lock()
	g.asked++
	third := g.asked == 3
	g.mu.Unlock()
	if third {
		close(g.inside)
		<-g.opened
	}
	return nil
}

// waitingForMemory holds one run up and has another wait for its memory.
func waitingForMemory(b op.Backend) error {
	l, err := load(b, "waiting", op.Options{ArenaBytes: 1})
	if err != nil {
		return err
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
	start := func(ctx context.Context) (out []*tensor.Tensor, err error) {
		out = []*tensor.Tensor{want[0].Clone(), want[1].Clone()}
		return out, p.RunInto(ctx, out, []*tensor.Tensor{x})
	}
	first := &gate{Context: context.Background(), inside: make(chan struct{}), opened: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		out, err := start(first)
		if err == nil {
			err = equalAll(out, want)
		}
		ended <- err
	}()
	select {
	case <-first.inside:
	case err := <-ended:
		return errors.Join(err, errors.New("a run did not ask its context three times"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err = start(ctx)
	close(first.opened)
	if held := <-ended; held != nil {
		return fmt.Errorf("the run that had the memory: %w", held)
	}
	if _, ok := errors.AsType[*op.StepError](err); !ok || !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("a run that waits for memory: want a StepError that wraps context.DeadlineExceeded, got %v", err)
	}
	out, err := start(context.Background())
	if err == nil {
		err = equalAll(out, want)
	}
	return errors.Join(err, l.model.Close())
}

func noAllocation(b op.Backend) error {
	l, err := load(b, "allocation", op.Options{})
	if err != nil {
		return err
	}
	x := l.src.normal(1, 3, 14, 14)
	out, err := l.run(x)
	if err != nil {
		return err
	}
	p, err := l.model.Program(x.Shape())
	if err != nil {
		return err
	}
	const runs = 20
	least := ^uint64(0)
	in := []*tensor.Tensor{x}
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			if err := p.RunInto(context.Background(), out, in); err != nil {
				return err
			}
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.Mallocs-before.Mallocs)
	}
	if least >= runs { // less than one per run is the runtime's own
		return fmt.Errorf("%d allocations in %d runs", least, runs)
	}
	return l.model.Close()
}
