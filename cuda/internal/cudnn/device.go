//go:build linux && cgo && !nocuda

package cudnn

// #include "cudnn.h"
import "C"

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Device is what plans are made for and run on. It is safe for concurrent use but
// for Close.
type Device struct {
	place
	properties descriptor // of a device that is described
	handle     descriptor // of one that is there, to plan with

	mu     sync.Mutex
	idle   []*handle // to run with: each has memory of the device, and is for one thread at a time
	closed bool
}

// A handle is what cuDNN works with, and what a call of it needs besides.
type handle struct {
	ptr     unsafe.Pointer
	tensors C.ag_tensors
	failure C.ag_failure
}

// Open returns the device of a context.
func (l *Library) Open(c *driver.Context) (*Device, error) {
	p, err := l.at(c)
	if err != nil {
		return nil, err
	}
	d := &Device{place: p}
	h, err := d.acquire()
	if err != nil {
		return nil, err
	}
	d.handle = h.ptr
	return d, nil
}

// Describe returns a device by its properties, in JSON as cuDNN has them. There
// can be plans for it, on machines without it and without a driver, but they
// cannot run. It takes cuDNN 9.8.
func (l *Library) Describe(properties []byte) (*Device, error) {
	p, err := l.at(nil)
	if err != nil {
		return nil, err
	}
	m := maker{place: p}
	d := m.make(C.CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, "device properties",
		newAttribute(C.CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, C.CUDNN_TYPE_CHAR, properties))
	if m.err == nil {
		m.keep(d)
	}
	if err := m.drop(); err != nil {
		return nil, err
	}
	return &Device{place: p, properties: d}, nil
}

// acquire returns a handle that nobody uses.
func (d *Device) acquire() (*handle, error) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, driver.ErrClosed
	}
	if n := len(d.idle); n > 0 {
		h := d.idle[n-1]
		d.idle = d.idle[:n-1]
		d.mu.Unlock()
		return h, nil
	}
	d.mu.Unlock()
	h := new(handle)
	if C.ag_cudnn_create(&d.c, &h.ptr, &h.failure) != 0 {
		return nil, d.failed(&h.failure, "")
	}
	return h, nil
}

func (d *Device) release(h *handle) {
	d.mu.Lock()
	d.idle = append(d.idle, h)
	d.mu.Unlock()
}

// Tensors are the device's addresses of a convolution's tensors, the residual's 0
// if there is none, and of a workspace, 0 if the plan needs none.
type Tensors struct{ X, W, Residual, Bias, Y, Workspace uint64 }

// Run submits a plan to a stream, and does not wait. The stream may be one that is
// being recorded: cuDNN then records what it does.
func (p *Plan) Run(s *driver.Stream, t Tensors) error {
	d := p.device
	if d.handle == nil {
		return errors.New("a device that is only described runs nothing")
	}
	stream, err := s.Native()
	if err != nil {
		return err
	}
	h, err := d.acquire()
	if err != nil {
		return err
	}
	defer d.release(h)
	h.tensors.n = 0
	for id, address := range [...]uint64{idX: t.X, idW: t.W, idResidual: t.Residual, idBias: t.Bias, idY: t.Y} {
		if id == 0 || id == idResidual && !p.residual {
			continue
		}
		if address == 0 || address%alignment != 0 {
			return &ShapeError{fmt.Sprintf("tensor %d at %#x", id, address)}
		}
		h.tensors.ids[h.tensors.n] = C.int64_t(id)
		h.tensors.data[h.tensors.n] = C.uint64_t(address)
		h.tensors.n++
	}
	if p.Workspace > 0 && t.Workspace == 0 {
		return &ShapeError{fmt.Sprintf("no workspace for %s, which needs %d bytes", p.name, p.Workspace)}
	}
	h.tensors.workspace = C.uint64_t(t.Workspace)
	p.mu.Lock() // engines may keep something in a plan while they submit
	code := C.ag_cudnn_run(&d.c, h.ptr, stream, p.ptr, &h.tensors, &h.failure)
	p.mu.Unlock()
	if code != 0 {
		return d.failed(&h.failure, p.name)
	}
	return nil
}

// Close frees what the device has. Plans must have been closed, and their runs
// have ended.
func (d *Device) Close() error {
	d.mu.Lock()
	idle, closed := d.idle, d.closed
	d.idle, d.closed = nil, true
	d.mu.Unlock()
	if closed {
		return nil
	}
	errs := []error{d.dropOne(d.properties)}
	if d.handle != nil {
		idle = append(idle, &handle{ptr: d.handle})
	}
	for _, h := range idle {
		if C.ag_cudnn_destroy(&d.c, h.ptr, &h.failure) != 0 {
			errs = append(errs, d.failed(&h.failure, ""))
		}
	}
	return errors.Join(errs...)
}
