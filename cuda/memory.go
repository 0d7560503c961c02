//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// memory is the device's memory as the models of a backend share it: what one
// keeps for its next run can go when another has too little, and what runs in
// progress have comes back.
type memory struct {
	turn sync.Mutex // of who allocates and counts what that gives

	mu     sync.Mutex
	pools  []*arenas
	users  map[*run]bool // that have an arena
	change chan struct{} // closed when one has it no more
}

func (m *memory) add(a *arenas) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools = append(m.pools, a)
}

func (m *memory) remove(a *arenas) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pools = slices.DeleteFunc(m.pools, func(b *arenas) bool { return a == b })
}

// lend notes that a run has an arena.
func (m *memory) lend(r *run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users == nil {
		m.users = make(map[*run]bool)
	}
	m.users[r] = true
}

// giveBack notes that it has none any more, and wakes those who wait.
func (m *memory) giveBack(r *run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.users, r)
	if m.change != nil {
		close(m.change)
		m.change = nil
	}
}

// state returns how many runs have an arena, and what is closed when one has it
// no more.
func (m *memory) state() (users int, change <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.change == nil {
		m.change = make(chan struct{})
	}
	return len(m.users), m.change
}

// try calls allocate, and again without arenas that are idle if there is not
// memory enough. If it is for a run, which has an arena then, it waits besides
// for others to end, if there are any: who waits has none.
func (m *memory) try(ctx context.Context, r *run, allocate func() error) error {
	for {
		before, change := m.state()
		err := m.once(r, allocate)
		if !isFull(err) || r == nil {
			return err
		}
		if after, now := m.state(); before+after == 0 && now == change {
			return err // nobody had any memory all the while
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// once is try without waiting.
func (m *memory) once(r *run, allocate func() error) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	err := allocate()
	if isFull(err) && m.trim() > 0 {
		err = allocate()
	}
	if err == nil && r != nil {
		m.lend(r)
	}
	return err
}

func isFull(err error) bool {
	_, full := errors.AsType[*OOMError](err)
	return full
}

// trim frees all arenas that are idle and returns how many there were.
func (m *memory) trim() int {
	m.mu.Lock()
	pools := slices.Clone(m.pools)
	m.mu.Unlock()
	n := 0
	for _, a := range pools {
		n += a.trim()
	}
	return n
}
