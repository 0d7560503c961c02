package op

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A Profile collects how long the steps of runs took. It is safe for
// concurrent use; the zero Profile is empty and ready.
type Profile struct {
	mu    sync.Mutex
	steps map[string]*StepTime
}

// StepTime is the time that one layer has taken over all runs.
type StepTime struct {
	Path   string // layer in the network
	Op     string // operator, "conv2d"
	Kernel string // what the backend ran, "tile_14x32_avx512"; may be ""
	Runs   int
	Total  time.Duration
}

// Add adds one run of a step. Backends call it.
func (p *Profile) Add(path, op, kernel string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.steps == nil {
		p.steps = make(map[string]*StepTime)
	}
	key := path + "\x00" + op
	s := p.steps[key]
	if s == nil {
		s = &StepTime{Path: path, Op: op, Kernel: kernel}
		p.steps[key] = s
	}
	s.Runs++
	s.Total += d
}

// Steps returns the layers, the slowest first.
func (p *Profile) Steps() []StepTime {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sorted(p.steps)
}

// Ops returns the times summed by operator, the slowest first; Path and
// Kernel are empty.
func (p *Profile) Ops() []StepTime {
	p.mu.Lock()
	defer p.mu.Unlock()
	ops := make(map[string]*StepTime)
	for _, s := range p.steps {
		o := ops[s.Op]
		if o == nil {
			o = &StepTime{Op: s.Op}
			ops[s.Op] = o
		}
		o.Runs += s.Runs
		o.Total += s.Total
	}
	return sorted(ops)
}

func sorted(m map[string]*StepTime) []StepTime {
	var list []StepTime
	for _, s := range m {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b StepTime) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Op, b.Op))
	})
	return list
}

// WriteOps writes a table of the times by operator: share, total, runs, name.
func (p *Profile) WriteOps(w io.Writer) error {
	ops := p.Ops()
	var total time.Duration
	for _, o := range ops {
		total += o.Total
	}
	for _, o := range ops {
		share := 100 * float64(o.Total) / float64(max(total, 1))
		_, err := fmt.Fprintf(w, "%5.1f %% %12v %6d × %s\n", share, o.Total.Round(time.Microsecond), o.Runs, o.Op)
		if err != nil {
			return err
		}
	}
	return nil
}
