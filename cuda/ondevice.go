package cuda

import (
	"context"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// Program is what the models of a [Backend] have for programs: they run on
// memory that is on the device, too.
type Program interface {
	op.Program

	// RunOn submits computing out from in to a stream. What lies in memory is
	// what RunInto's tensors hold: of the types and shapes of the program, row
	// by row, images as (N, C, H, W), aligned to its elements, and to 4 bytes at
	// least. It is read and written where it is: nothing is copied, to the host or
	// elsewhere, but for one tensor that is several outputs, or input and output.
	// Outputs must not overlap each other or the inputs, which are only read.
	//
	// RunOn does not wait, neither for work that the stream has before nor for
	// its own, unless the model has a profile to fill. Later work of the stream
	// waits for it, so that neither the memory nor the network may go until
	// [Stream.Sync], or an event of the stream's, says that it is done; what
	// kernels do wrong is seen there, too. A second run on the same memory is
	// submitted as a CUDA graph. Runs on several streams go at once, each in memory
	// of its own for the values between layers, unless op.Options.ArenaBytes or the
	// device has no room for that: then they wait for each other on the device.
	//
	// The errors are those of RunInto. An [*op.OperandError] says that memory is
	// too small, not aligned, not the device's, or of another context; a
	// [*HandleError] that the stream is being recorded into a graph of somebody
	// else's, or is of another backend.
	RunOn(ctx context.Context, s *Stream, out, in []Memory) error
}

// Memory is a part of a device's memory.
type Memory struct {
	Address uintptr // where the device finds byte 0, a CUdeviceptr
	Bytes   int64   // how many there are from there on
}

// ErrClosed is the error of using a [Stream] or a [Buffer] after its Close. That
// of a network is [op.ErrClosed].
var ErrClosed = driver.ErrClosed

// HandleError says that a handle of another library's, or a stream, cannot be
// used, and why.
type HandleError = driver.HandleError
