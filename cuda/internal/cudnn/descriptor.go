//go:build linux && cgo && !nocuda

package cudnn

// #include "cudnn.h"
import "C"

import (
	"errors"
	"unsafe"
)

// A descriptor is something of cuDNN's with attributes.
type descriptor = unsafe.Pointer

// An attribute is what is set of a descriptor: values of a type.
type attribute struct {
	name, kind C.int
	count      int
	values     unsafe.Pointer
}

func newAttribute[T any](name, kind C.int, values []T) attribute {
	return attribute{name, kind, len(values), unsafe.Pointer(unsafe.SliceData(values))}
}

func enum(name, kind, value C.int) attribute { return newAttribute(name, kind, []C.int{value}) }

func integers(name C.int, values ...int) attribute {
	list := make([]int64, len(values))
	for i, v := range values {
		list[i] = int64(v)
	}
	return newAttribute(name, C.CUDNN_TYPE_INT64, list)
}

func float(name C.int, value float32) attribute {
	return newAttribute(name, C.CUDNN_TYPE_FLOAT, []float32{value})
}

func boolean(name C.int, value bool) attribute {
	return newAttribute(name, C.CUDNN_TYPE_BOOLEAN, []bool{value})
}

func descriptors(name C.int, values ...descriptor) attribute {
	return newAttribute(name, C.CUDNN_TYPE_BACKEND_DESCRIPTOR, values)
}

// A maker makes descriptors until something fails, and drops them at the end.
type maker struct {
	place
	made    []descriptor
	failure C.ag_failure
	err     error
}

// do notes the failure of a call. It returns whether all has gone well.
func (m *maker) do(code C.int, what string) bool {
	if code != 0 && m.err == nil {
		m.err = m.failed(&m.failure, what)
	}
	return m.err == nil
}

// blank makes a descriptor for cuDNN to fill in.
func (m *maker) blank(kind C.int, what string) descriptor {
	if m.err != nil {
		return nil
	}
	var d descriptor
	if m.do(C.ag_cudnn_make(&m.c, kind, &d, &m.failure), what) {
		m.made = append(m.made, d)
	}
	return d
}

// make makes a descriptor of attributes.
func (m *maker) make(kind C.int, what string, attributes ...attribute) descriptor {
	d := m.blank(kind, what)
	for _, a := range attributes {
		m.set(d, a, what)
	}
	m.finalize(d, what)
	return d
}

func (m *maker) set(d descriptor, a attribute, what string) {
	if m.err == nil {
		m.do(C.ag_cudnn_set(&m.c, d, a.name, a.kind, C.int64_t(a.count), a.values, &m.failure), what)
	}
}

func (m *maker) finalize(d descriptor, what string) {
	if m.err == nil {
		m.do(C.ag_cudnn_finalize(&m.c, d, &m.failure), what)
	}
}

// get reads an attribute into values, and returns how many there are, which may
// be more.
func get[T any](m *maker, d descriptor, name, kind C.int, what string, values []T) int {
	if m.err != nil {
		return 0
	}
	var n C.int64_t
	at := unsafe.Pointer(unsafe.SliceData(values))
	m.do(C.ag_cudnn_get(&m.c, d, name, kind, C.int64_t(len(values)), &n, at, &m.failure), what)
	return int(n)
}

// keep takes a descriptor from those that are dropped.
func (m *maker) keep(d descriptor) descriptor {
	for i, x := range m.made {
		if x == d {
			m.made[i] = nil
		}
	}
	return d
}

// drop drops what was made, the last first, and returns all errors.
func (m *maker) drop() error {
	errs := []error{m.err}
	for i := len(m.made) - 1; i >= 0; i-- {
		errs = append(errs, m.dropOne(m.made[i]))
	}
	m.made = nil
	return errors.Join(errs...)
}

func (p *place) dropOne(d descriptor) error {
	var f C.ag_failure
	if d != nil && C.ag_cudnn_drop(&p.c, d, &f) != 0 {
		return p.failed(&f, "")
	}
	return nil
}
