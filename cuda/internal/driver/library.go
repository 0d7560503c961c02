//go:build linux && cgo && !nocuda

package driver

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "driver.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// Library is NVIDIA's driver, opened. It stays open: a process has one, and
// the driver does not like to be unloaded.
type Library struct {
	c       *C.ag_driver
	Path    string
	Version Version // the newest CUDA that it runs programs of
}

// Load opens a library by its path, or by its name for the system's loader to
// find, and starts the driver. Its errors are [*LoadError]; one has an [*Error]
// in it if the driver was there but did not start, and a [*TooOldError] if it
// lacks a function.
func Load(path string) (*Library, error) {
	fail := func(err error) (*Library, error) { return nil, &LoadError{path, err} }
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	var why *C.char
	c := C.ag_open(s, &why)
	if c == nil {
		return fail(errors.New(strings.TrimPrefix(C.GoString(why), path+": ")))
	}
	l := &Library{c: c, Path: path}
	var version C.int
	code := C.ag_version(c, &version)
	l.Version = Version(version)
	switch {
	case c.missing != nil:
		err := &TooOldError{l.Version, C.GoString(c.missing)}
		C.ag_close(c)
		return fail(err)
	case code == 0:
		if code = C.ag_init(c); code == 0 {
			return l, nil
		}
		err := l.check("cuInit", code)
		C.ag_close(c)
		return fail(err)
	}
	err := l.check("cuDriverGetVersion", code)
	C.ag_close(c)
	return fail(err)
}

// check returns the error of a call, nil for the code 0.
func (l *Library) check(call string, code C.int) error {
	if code == 0 {
		return nil
	}
	return l.newError(call, code)
}

func (l *Library) newError(call string, code C.int) *Error {
	return &Error{Call: call, Code: int(code),
		Name: C.GoString(C.ag_error_name(l.c, code)), Text: C.GoString(C.ag_error_text(l.c, code))}
}

// Device is a GPU.
type Device struct {
	Ordinal         int
	Name            string // "NVIDIA H100 80GB HBM3"
	Capability      [2]int // compute capability, {9, 0}
	Bytes           int64  // of its memory
	Multiprocessors int
	Shared          int // bytes of shared memory that one block may ask for

	lib    *Library
	handle C.int
}

// The attributes of a device that are asked for: CU_DEVICE_ATTRIBUTE_…
const (
	attributeMultiprocessors = 16
	attributeMajor           = 75
	attributeMinor           = 76
	attributeShared          = 97 // MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
)

// Devices returns the GPUs that the driver shows, which CUDA_VISIBLE_DEVICES
// may limit.
func (l *Library) Devices() ([]Device, error) {
	var n C.int
	if err := l.check("cuDeviceGetCount", C.ag_device_count(l.c, &n)); err != nil {
		return nil, err
	}
	devices := make([]Device, n)
	for i := range devices {
		d := &devices[i]
		d.lib, d.Ordinal = l, i
		if err := d.ask(); err != nil {
			return nil, fmt.Errorf("device %d: %w", i, err)
		}
	}
	return devices, nil
}

func (d *Device) ask() error {
	var (
		name  [256]C.char
		bytes C.size_t
		call  *C.char
	)
	code := C.ag_device(d.lib.c, C.int(d.Ordinal), &d.handle, &name[0], C.int(len(name)), &bytes, &call)
	if code != 0 {
		return d.lib.check(C.GoString(call), code)
	}
	d.Name, d.Bytes = C.GoString(&name[0]), int64(bytes)
	for attribute, to := range map[int]*int{
		attributeMultiprocessors: &d.Multiprocessors,
		attributeMajor:           &d.Capability[0],
		attributeMinor:           &d.Capability[1],
		attributeShared:          &d.Shared,
	} {
		var v C.int
		err := d.lib.check("cuDeviceGetAttribute", C.ag_attribute(d.lib.c, d.handle, C.int(attribute), &v))
		if err != nil {
			return err
		}
		*to = int(v)
	}
	return nil
}
