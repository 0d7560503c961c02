package optest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// broken is the reference with parts of the contract replaced.
type broken struct {
	op.Backend
	load    func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error)
	program func(m op.Model, in []tensor.Shape) (op.Program, error)
	run     func(ctx context.Context, p op.Program, out, in []*tensor.Tensor) error
	bytes   func(m op.Model) int64
}

type brokenModel struct {
	op.Model
	broken *broken
}

type brokenProgram struct {
	op.Program
	broken *broken
}

func (b *broken) Load(ctx context.Context, g *op.Graph, o op.Options) (m op.Model, err error) {
	if b.load != nil {
		m, err = b.load(ctx, b.Backend, g, o)
	} else {
		m, err = b.Backend.Load(ctx, g, o)
	}
	if err != nil {
		return nil, err
	}
	return &brokenModel{m, b}, nil
}

func (m *brokenModel) Program(in ...tensor.Shape) (p op.Program, err error) {
	if m.broken.program != nil {
		p, err = m.broken.program(m.Model, in)
	} else {
		p, err = m.Model.Program(in...)
	}
	if err != nil {
		return nil, err
	}
	return &brokenProgram{p, m.broken}, nil
}

func (m *brokenModel) Bytes() int64 {
	if m.broken.bytes != nil {
		return m.broken.bytes(m.Model)
	}
	return m.Model.Bytes()
}

func (p *brokenProgram) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	if p.broken.run != nil {
		return p.broken.run(ctx, p.Program, out, in)
	}
	return p.Program.RunInto(ctx, out, in)
}

// after is a backend that does something to the operands of runs that worked.
func after(spoil func(out, in []*tensor.Tensor)) *broken {
	return &broken{run: func(ctx context.Context, p op.Program, out, in []*tensor.Tensor) error {
		err := p.RunInto(ctx, out, in)
		if err == nil {
			spoil(out, in)
		}
		return err
	}}
}

// instead is a backend whose runs return another error.
func instead(replace func(err error) error) *broken {
	return &broken{run: func(ctx context.Context, p op.Program, out, in []*tensor.Tensor) error {
		return replace(p.RunInto(ctx, out, in))
	}}
}

type nameless struct{ op.Backend }

func (nameless) Name() string { return "" }

func TestBrokenContractsAreReported(t *testing.T) {
	var mu sync.Mutex
	runs := 0
	counted := func(every int) bool {
		mu.Lock()
		defer mu.Unlock()
		runs++
		return runs%every == 0
	}
	var last []byte
	for _, m := range []struct {
		name, cases string
		b           *broken
	}{
		{"an input is written", "add/", after(func(_, in []*tensor.Tensor) {
			if in[0].Len() > 0 {
				floats(in[0])[0]++
			}
		})},
		{"written after the end", "add/", after(func(out, _ []*tensor.Tensor) {
			if b := out[0].Bytes(); len(b) > 0 {
				*(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), len(b)+7)) = 0
			}
		})},
		{"written before the start", "add/", after(func(out, _ []*tensor.Tensor) {
			if b := out[0].Bytes(); len(b) > 0 {
				*(*byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), -300)) = 0
			}
		})},
		{"nothing is written", "flatten/", &broken{run: func(_ context.Context, _ op.Program, _, _ []*tensor.Tensor) error {
			return nil
		}}},
		{"a panic", "contract/shapes", after(func(_, _ []*tensor.Tensor) { panic("at the disco") })},
		{"rows that do not count are left", "network/counted", after(func(out, _ []*tensor.Tensor) {
			for _, t := range out {
				v := floats(t)
				v[len(v)-1] = 0.5
			}
		})},
		{"results hang on threads", "contract/threads", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				if o.Threads == 7 {
					return (&reference{"seven", func(o op.Op, out, in []*tensor.Tensor) error {
						err := evaluate(o, out, in)
						for i, v := range floats(out[0]) {
							floats(out[0])[i] = v * (1 + 1e-7)
						}
						return err
					}}).Load(ctx, g, o)
				}
				return b.Load(ctx, g, o)
			}}},
		{"results hang on the batch", "contract/pictures", after(func(out, _ []*tensor.Tensor) {
			if s := out[1].Shape(); s[0] > 1 {
				floats(out[1])[s[1]] *= 1 + 2e-7
			}
		})},
		{"results hang on what ran before", "contract/shapes", after(func(out, _ []*tensor.Tensor) {
			if b := out[0].Bytes(); len(b) > 4 {
				own := slices.Clone(b[:4])
				if last != nil {
					copy(b, last)
				}
				last = own
			}
		})},
		{"now and then a result is wrong", "contract/goroutines", after(func(out, _ []*tensor.Tensor) {
			if counted(29) {
				floats(out[1])[0]++
			}
		})},
		{"weights are scaled in place", "contract/the graph is not changed", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				if w := g.Nodes[0].Op.(*op.Conv2d).Weight; w.DType() == tensor.Float32 {
					floats(w)[0] *= 2
				} else {
					w.Bytes()[0] ^= 1
				}
				return b.Load(ctx, g, o)
			}}},
		{"the graph is kept", "contract/the graph is not kept", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				m, err := b.Load(ctx, g, o)
				if err == nil {
					m.(*model).graph = *g
				}
				return m, err
			}}},
		{"one missing operator is named", "contract/unknown", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				m, err := b.Load(ctx, g, o)
				if e, ok := errors.AsType[*op.UnsupportedError](err); ok {
					e.Missing = e.Missing[:1]
				}
				return m, err
			}}},
		{"the context is not looked at", "contract/cancelled", &broken{
			run: func(_ context.Context, p op.Program, out, in []*tensor.Tensor) error {
				return p.RunInto(context.Background(), out, in)
			}}},
		{"the context's error is bare", "contract/cancelled", instead(func(err error) error {
			if e, ok := errors.AsType[*op.StepError](err); ok {
				return e.Err
			}
			return err
		})},
		{"the context is looked at once", "cost/cancelled", &broken{
			run: func(ctx context.Context, p op.Program, out, in []*tensor.Tensor) error {
				if err := ctx.Err(); err != nil {
					return &op.StepError{Path: "first", Op: "conv2d", Err: err}
				}
				return p.RunInto(context.Background(), out, in)
			}}},
		{"shapes are checked when running only", "contract/wrong inputs", &broken{
			program: func(m op.Model, in []tensor.Shape) (op.Program, error) {
				p, err := m.Program(in...)
				if err != nil && !errors.Is(err, op.ErrClosed) {
					return m.Program(tensor.Shape{1, 3, 8, 8})
				}
				return p, err
			}}},
		{"operands are reported as something else", "contract/wrong operands", instead(func(err error) error {
			if err != nil {
				return fmt.Errorf("bad operands: %v", err)
			}
			return nil
		})},
		{"the wrong operand is named", "contract/wrong operands", instead(func(err error) error {
			if e, ok := errors.AsType[*op.OperandError](err); ok {
				e.Index = 0
			}
			return err
		})},
		{"runs after Close", "contract/closed", instead(func(err error) error {
			if errors.Is(err, op.ErrClosed) {
				return nil
			}
			return err
		})},
		{"weights take nothing", "contract/closed", &broken{bytes: func(op.Model) int64 { return 0 }}},
		{"no profile", "contract/profile", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				return b.Load(ctx, g, op.Options{})
			}}},
		{"a limit of memory is not kept", "cost/waiting", &broken{
			load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
				return b.Load(ctx, g, op.Options{})
			}}},
		{"allocations", "cost/no allocation", &broken{}},
		{"no name", "contract/name", &broken{Backend: nameless{Reference()}}},
	} {
		t.Run(m.name, func(t *testing.T) {
			if m.b.Backend == nil {
				m.b.Backend = Reference()
			}
			failed, ran := failures(m.b, m.cases)
			if ran == 0 && raceEnabled {
				t.Skip("the case is skipped under the race detector")
			}
			if len(failed) == 0 {
				t.Fatalf("none of %d cases noticed", ran)
			}
			t.Log(strings.SplitN(failed[0], "\n", 2)[0])
		})
	}
}

// TestListOfUnsupported holds Run to its own rule: the list is the truth.
func TestListOfUnsupported(t *testing.T) {
	lacking := &broken{Backend: Reference(),
		load: func(ctx context.Context, b op.Backend, g *op.Graph, o op.Options) (op.Model, error) {
			for _, n := range g.Nodes {
				if _, ok := n.Op.(*op.Upsample); ok {
					return nil, &op.UnsupportedError{Backend: "lacking", Missing: []string{n.Path}}
				}
			}
			return b.Load(ctx, g, o)
		}}
	interpolate, add := upsampleCases()[0], addCases()[0]
	if err := interpolate.verdict(lacking, []string{"add", "interpolate"}); err != nil {
		t.Errorf("listed and unsupported: %v", err)
	}
	if err := interpolate.verdict(lacking, nil); err == nil {
		t.Error("unsupported and not listed, and nothing is said")
	}
	if err := interpolate.verdict(lacking, []string{"interp", "interpolate/1"}); err == nil {
		t.Error("beginnings of names must end before a slash")
	}
	if err := add.verdict(lacking, []string{"interpolate"}); err != nil {
		t.Errorf("another operator is listed: %v", err)
	}
	if err := add.verdict(lacking, []string{"add"}); err == nil {
		t.Error("listed and works, and nothing is said")
	}
	wrong := mutant(func(_ *op.Add, _ func(*op.Add, []*tensor.Tensor), _, _ []*tensor.Tensor) {})
	if err := add.verdict(wrong, []string{"add"}); err == nil {
		t.Error("listed, loads and is wrong, and nothing is said")
	}
}

// TestCaseNames: a name names one case, or one group and no case.
func TestCaseNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, c := range cases() {
		if seen[c.name] {
			t.Errorf("two cases are named %q", c.name)
		}
		seen[c.name] = true
	}
}
