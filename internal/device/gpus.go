package device

import (
	"fmt"
	"sync"

	"github.com/argand-go/argand/cuda"
)

// gpus are the GPUs that this process has open.
type gpus struct {
	mu   sync.Mutex
	open map[int]*gpu
}

// opened is global because a process has a GPU once.
var opened gpus

// A gpu is a GPU with its users.
type gpu struct {
	options cuda.Options
	backend *cuda.Backend
	users   int
}

// ConflictError says that a GPU is open with other options.
type ConflictError struct {
	Device     string       // "cuda:0"
	Open, Want cuda.Options // as it is open, and as it was to be
}

// Error returns both.
func (e *ConflictError) Error() string {
	say := func(o cuda.Options) string {
		s := "no limit on its memory"
		if o.MemoryBytes > 0 {
			s = fmt.Sprintf("a limit of %d bytes", o.MemoryBytes)
		}
		if o.Driver != "" {
			s += " through " + o.Driver
		}
		return s
	}
	return fmt.Sprintf("%s is open with %s, and cannot be opened with %s in this process: give all its users the same",
		e.Device, say(e.Open), say(e.Want))
}

// acquire returns a GPU, after opening it if need be.
func (g *gpus) acquire(n int, o Options) (*gpu, error) {
	want := cuda.Options{Driver: o.Driver, Device: n, MemoryBytes: o.MemoryBytes}
	g.mu.Lock()
	defer g.mu.Unlock()
	if u := g.open[n]; u != nil {
		switch {
		case u.backend.Err() != nil: // lost: its users close it, and whoever comes now has another
			delete(g.open, n)
		case u.options != want:
			return nil, &ConflictError{u.backend.Name(), u.options, want}
		default:
			u.users++
			return u, nil
		}
	}
	b, err := cuda.Open(want)
	if err != nil {
		return nil, err
	}
	u := &gpu{want, b, 1}
	if g.open == nil {
		g.open = make(map[int]*gpu)
	}
	g.open[n] = u
	return u, nil
}

// release ends a use.
func (g *gpus) release(u *gpu) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if u.users--; u.users > 0 {
		return nil
	}
	if g.open[u.options.Device] == u {
		delete(g.open, u.options.Device)
	}
	return u.backend.Close()
}

func (u *gpu) device() *Device { return &Device{Backend: u.backend, about: u.backend.String(), gpu: u} }
