package gorgonia

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/nn/op"
)

// Device is a backend in a context of cu's, with a stream of cu's to run on. It
// is an [op.Backend], safe for concurrent use but for Close.
type Device struct {
	*cuda.Backend
	stream *cuda.Stream
}

// Wrap returns a device that works in a context of cu's, and runs on one of its
// streams; cu.NoStream is the context's default stream. Both stay cu's: they must
// be there until Close, which does not destroy them. Options.Device is the device
// that the context is of. The errors are those of [cuda.Adopt] and of
// [cuda.Backend.AdoptStream].
func Wrap(ctx cu.CUContext, stream cu.Stream, o cuda.Options) (*Device, error) {
	handle, err := handleOf(ctx)
	if err != nil {
		return nil, err
	}
	b, err := cuda.Adopt(handle, o)
	if err != nil {
		return nil, err
	}
	s, err := b.AdoptStream(uintptr(unsafe.Pointer(stream.C())))
	if err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return &Device{b, s}, nil
}

// handleOf returns the CUcontext, which cu tells in words only.
func handleOf(ctx cu.CUContext) (uintptr, error) {
	handle, err := strconv.ParseUint(ctx.String(), 0, 64)
	if err != nil {
		return 0, &cuda.HandleError{Kind: "context", Device: "gorgonia.org/cu", Cause: err}
	}
	return uintptr(handle), nil
}

// Run submits a program of one of the device's networks to the stream: see
// [cuda.Program] for how tensors lie in memory, for the errors, and for how long
// memory and network must stay. Pointers may be to anywhere in an allocation of the
// context's; what is left of it from there on must hold the tensor. An
// [*op.UnsupportedError] says that the program is of another kind of backend.
func (d *Device) Run(ctx context.Context, p op.Program, out, in []cu.DevicePtr) error {
	program, ok := p.(cuda.Program)
	if !ok {
		return &op.UnsupportedError{Backend: d.Name(), Missing: []string{fmt.Sprintf("a program that is a %T", p)}}
	}
	return program.RunOn(ctx, d.stream, memory(out), memory(in))
}

// memory returns all that there may be from pointers on: how much is allocated
// is looked up for a run.
func memory(pointers []cu.DevicePtr) []cuda.Memory {
	ms := make([]cuda.Memory, len(pointers))
	for i, p := range pointers {
		ms[i] = cuda.Memory{Address: p.Uintptr(), Bytes: math.MaxInt64}
	}
	return ms
}

// Close lets go of the stream and the context. The device's networks must have
// been closed before.
func (d *Device) Close() error { return errors.Join(d.stream.Close(), d.Backend.Close()) }
