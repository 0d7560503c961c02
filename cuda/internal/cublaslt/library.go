//go:build linux && cgo && !nocuda

package cublaslt

/*
#cgo LDFLAGS: -ldl
#include <stdlib.h>
#include "cublaslt.h"
*/
import "C"

import (
	"errors"
	"strings"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Library is cuBLASLt, opened. It stays open.
type Library struct {
	c       *C.ag_cublaslt
	Path    string
	Version Version
}

// Load opens a library by its path, or by its name for the system's loader to
// find. It needs no device. Its errors are [*LoadError], with a [*MajorError] or a
// [*MissingError] in it if the library was there but is another one.
func Load(path string) (*Library, error) {
	s := C.CString(path)
	defer C.free(unsafe.Pointer(s))
	var why *C.char
	c := C.ag_lt_open(s, &why)
	if c == nil {
		return nil, &LoadError{path, errors.New(strings.TrimPrefix(C.GoString(why), path+": "))}
	}
	l := &Library{c: c, Path: path, Version: Version(C.ag_lt_version(c))}
	var err error
	if major := l.Version.Major(); l.Version != 0 && (major < OldestMajor || major > NewestMajor) {
		err = &MajorError{l.Version}
	} else if c.missing != nil {
		err = &MissingError{l.Version, C.GoString(c.missing)}
	}
	if err != nil {
		C.ag_lt_close(c)
		return nil, &LoadError{path, err}
	}
	return l, nil
}

// Handle is the library's work in a context. It is safe for concurrent use, but
// for Close.
type Handle struct {
	lib     *Library
	context *driver.Context
	at      C.ag_lt_place
}

// Open starts the library in a context.
func (l *Library) Open(c *driver.Context) (*Handle, error) {
	h, err := l.in(c)
	if err != nil {
		return nil, err
	}
	var f C.ag_lt_failure
	if err := h.check(C.ag_lt_create(&h.at, &f), &f); err != nil {
		return nil, err
	}
	return h, nil
}

// in returns a handle that was not started. Without a context it is good for
// describing products only.
func (l *Library) in(c *driver.Context) (*Handle, error) {
	h := &Handle{lib: l, context: c, at: C.ag_lt_place{library: l.c}}
	if c == nil {
		return h, nil
	}
	n, err := c.Native()
	h.at.context, h.at.set_current = n.Context, n.SetCurrent
	return h, err
}

// Close ends the library's work. All plans must have been closed.
func (h *Handle) Close() error {
	if h.at.handle == nil {
		return nil
	}
	var f C.ag_lt_failure
	failed := C.ag_lt_destroy(&h.at, &f)
	h.at.handle = nil
	return h.check(failed, &f)
}

// check makes an error of a failure: the library's, or the driver's.
func (h *Handle) check(failed C.int, f *C.ag_lt_failure) error {
	switch {
	case failed == 0:
		return nil
	case f.driver != 0:
		return h.context.Check(C.GoString(f.call), int(f.driver))
	}
	c := h.lib.c
	return &Error{C.GoString(f.call), int(f.status),
		C.GoString(C.ag_lt_name(c, f.status)), C.GoString(C.ag_lt_text(c, f.status))}
}
