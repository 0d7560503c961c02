package op

import (
	"context"

	"github.com/argand-go/argand/tensor"
)

// Backend runs networks on one device. It is safe for concurrent use.
type Backend interface {
	// Name identifies the device and the kernels chosen, "cpu/avx512", "cuda:0".
	Name() string

	// Load prepares a valid, fused graph to run: it chooses kernels and packs
	// weights. It keeps no reference to g's slices of nodes, may keep its
	// tensors, and changes neither. It returns an [*UnsupportedError] that
	// names every operator the device has no kernel for, or the context's
	// error.
	Load(ctx context.Context, g *Graph, o Options) (Model, error)
}

// Model is a network loaded on a device. It is safe for concurrent use.
type Model interface {
	// Program returns the program for inputs of the given shapes. Programs are
	// kept, so that asking again is cheap. Types and shapes of its operands
	// are those of [Graph.Infer].
	Program(in ...tensor.Shape) (Program, error)

	// Bytes returns how much memory of the device the model's weights take.
	Bytes() int64

	// Close frees the model. Runs in progress finish first; later calls
	// return [ErrClosed].
	Close() error
}

// Program is a network planned for given input shapes. It is safe for
// concurrent use.
type Program interface {
	// RunInto computes out from in. Outputs must not overlap each other or
	// the inputs. Inputs are only read. When a run fails the content of out is
	// unspecified. RunInto allocates nothing after warm-up, and looks at ctx
	// between steps: it returns a [*StepError] that wraps the context's error
	// once ctx is done, and an [*OperandError] for tensors that do not fit.
	RunInto(ctx context.Context, out, in []*tensor.Tensor) error
}

// Options say how a network is loaded. The zero Options are the defaults.
type Options struct {
	Precision Precision

	// Threads limits the threads that one run uses, 0 for as many as Go runs
	// at once (GOMAXPROCS at the time of the run). Results do not depend on it.
	Threads int

	// ArenaBytes limits the memory that runs in progress use for values
	// between layers, all programs of a model together, 0 for no limit. A run
	// that has to wait for memory honours its context; a run that needs more
	// than the limit by itself goes alone.
	ArenaBytes int64

	// Profile, if not nil, receives the time of every step.
	Profile *Profile
}
