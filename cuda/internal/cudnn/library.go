//go:build linux && cgo && !nocuda

package cudnn

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "cudnn.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Library is cuDNN, opened. It stays open.
type Library struct {
	Path    string
	Version Version
	c       *C.ag_cudnn
}

// Load opens a library by its path, or by its name for the system's loader to
// find. Its errors are [*LoadError]; one has a [*MajorError] in it if the library
// is another major version, and a [*MissingError] if it lacks a function. What
// cuDNN is made of besides, some hundred megabytes, it opens itself when it is
// first used.
func Load(path string) (*Library, error) {
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	var why *C.char
	c := C.ag_cudnn_open(s, &why)
	if c == nil {
		return nil, &LoadError{path, errors.New(strings.TrimPrefix(C.GoString(why), path+": "))}
	}
	l := &Library{Path: path, Version: Version(C.ag_cudnn_version(c)), c: c}
	var err error
	switch {
	case l.Version != 0 && l.Version.Major() != Major:
		err = &MajorError{l.Version}
	case c.missing != nil:
		err = &MissingError{C.GoString(c.missing)}
	default:
		return l, nil
	}
	C.ag_cudnn_close(c)
	return nil, &LoadError{path, err}
}

// A place is where calls are made: the library, and a context of the driver's or
// nil.
type place struct {
	lib     *Library
	context *driver.Context
	c       C.ag_place
}

func (l *Library) at(c *driver.Context) (place, error) {
	p := place{lib: l, context: c, c: C.ag_place{library: l.c}}
	if c == nil {
		return p, nil
	}
	n, err := c.Native()
	p.c.context, p.c.set_current = n.Context, n.SetCurrent
	return p, err
}

// failed makes an error of what a helper noted: the driver's, an [*Error], or with
// one in it a [*driver.OOMError].
func (p *place) failed(f *C.ag_failure, what string) error {
	if f.driver != 0 {
		return p.context.Check(C.GoString(f.call), int(f.driver))
	}
	e := &Error{Call: C.GoString(f.call), What: what, Status: int(f.status),
		Name: C.GoString(C.ag_cudnn_status(p.lib.c, f.status)), Text: strings.TrimSpace(C.GoString(&f.text[0]))}
	if e.OutOfMemory() && p.context != nil {
		return &driver.OOMError{Device: p.context.Device.Name, Cause: e}
	}
	return e
}
