//go:build linux && cgo && !nocuda

package driver

// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"
)

// Module is a program for a device: a cubin or PTX.
type Module struct{ handle }

// LoadModule loads an image: a cubin for the device's architecture, or the text
// of PTX, which the driver compiles; what the compiler says is in the error.
func (c *Context) LoadModule(image []byte) (*Module, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if len(image) == 0 {
		return nil, errors.New("an empty image")
	}
	text := C.CBytes(append(image[:len(image):len(image)], 0)) // PTX ends with a zero byte
	defer C.free(text)
	var log [4096]C.char
	m := new(Module)
	code := C.ag_module_load(c.lib.c, c.ptr, &m.ptr, text, &log[0], C.uint(len(log)-1))
	if code != 0 {
		e := c.lib.newError("cuModuleLoadDataEx", code)
		e.Note = strings.TrimSpace(C.GoString(&log[0])) // the last byte is beyond what the driver may write
		return nil, c.wrap(e)
	}
	m.begin(c)
	return m, nil
}

// Close unloads the module and its kernels.
func (m *Module) Close() error {
	if !m.end() {
		return nil
	}
	return m.ctx.check("cuModuleUnload", C.ag_module_unload(m.ctx.lib.c, m.ctx.ptr, m.ptr))
}

// Kernel is a function of a module.
type Kernel struct {
	Name   string
	module *Module
	ptr    unsafe.Pointer
	sizes  []int // of its parameters in bytes; nil if the driver does not tell
}

// invalidValue is CUDA_ERROR_INVALID_VALUE.
const invalidValue = 1

// Kernel looks a function up. With shared > 0 its launches may use as many
// bytes of dynamic shared memory, which above 48 KB must be said before.
func (m *Module) Kernel(name string, shared int) (*Kernel, error) {
	if err := m.usable(); err != nil {
		return nil, err
	}
	c := m.ctx
	k := &Kernel{Name: name, module: m}
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	if err := c.check("cuModuleGetFunction", C.ag_function(c.lib.c, c.ptr, &k.ptr, m.ptr, s)); err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	if shared > 0 {
		code := C.ag_function_shared(c.lib.c, c.ptr, k.ptr, C.int(shared))
		if err := c.check("cuFuncSetAttribute", code); err != nil {
			return nil, fmt.Errorf("kernel %s: %d bytes of shared memory: %w", name, shared, err)
		}
	}
	for i := range C.AG_MAX_ARGUMENTS {
		var n C.size_t
		code := C.ag_function_parameter(c.lib.c, c.ptr, k.ptr, C.size_t(i), &n)
		if code == C.AG_NOT_OFFERED {
			return k, nil
		}
		if code == invalidValue { // there is no such parameter
			break
		}
		if err := c.check("cuFuncGetParamInfo", code); err != nil {
			return nil, fmt.Errorf("kernel %s: %w", name, err)
		}
		k.sizes = append(k.sizes, int(n))
	}
	if k.sizes == nil {
		k.sizes = []int{}
	}
	return k, nil
}

// Argument is an argument of a kernel.
type Argument struct {
	bits  uint64
	bytes int
}

// Int32 is an int of a kernel's.
func Int32(v int32) Argument { return Argument{uint64(uint32(v)), 4} }

// Int64 is a long long.
func Int64(v int64) Argument { return Argument{uint64(v), 8} }

// Float32 is a float.
func Float32(v float32) Argument { return Argument{uint64(math.Float32bits(v)), 4} }

// Pointer is a pointer into a buffer, offset bytes from its begin. A nil buffer
// is a null pointer.
func Pointer(b *Buffer, offset int64) Argument {
	if b == nil {
		return Argument{0, 8}
	}
	return Address(b.Address() + uint64(offset))
}

// Address is a pointer to where the device finds something.
func Address(address uint64) Argument { return Argument{address, 8} }

// Launch is one run of a kernel.
type Launch struct {
	Kernel      *Kernel
	Grid, Block [3]uint32 // numbers of blocks and of threads in each; 0 counts as 1
	Shared      int       // bytes of dynamic shared memory
	Arguments   []Argument
}

// Launches are a list of launches, checked and laid out so that one call
// submits them all. They are memory of C's, to be freed with Close, and safe for
// concurrent use.
type Launches struct {
	handle
	names     []string
	launches  *C.ag_launch
	arguments *C.uint64_t
}

// Prepare lays a list out. It returns an [*ArgumentError] for arguments that
// are not those that a kernel takes, if the driver tells these.
func (c *Context) Prepare(list []Launch) (*Launches, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	total := 0
	for i, l := range list {
		if err := l.check(c); err != nil {
			return nil, &LaunchError{l.Kernel.name(), i, err}
		}
		total += len(l.Arguments)
	}
	l := &Launches{
		launches:  (*C.ag_launch)(C.calloc(C.size_t(max(len(list), 1)), C.sizeof_ag_launch)),
		arguments: (*C.uint64_t)(C.calloc(C.size_t(max(total, 1)), 8)),
	}
	launches, arguments := unsafe.Slice(l.launches, len(list)), unsafe.Slice(l.arguments, total)
	first := 0
	for i, from := range list {
		to := &launches[i]
		to.function, to.shared = from.Kernel.ptr, C.uint(from.Shared)
		to.first, to.count = C.uint(first), C.uint(len(from.Arguments))
		for d := range 3 {
			to.grid[d], to.block[d] = C.uint(max(from.Grid[d], 1)), C.uint(max(from.Block[d], 1))
		}
		for _, a := range from.Arguments {
			arguments[first] = C.uint64_t(a.bits)
			first++
		}
		l.names = append(l.names, from.Kernel.Name)
	}
	l.begin(c)
	return l, nil
}

func (k *Kernel) name() string {
	if k == nil {
		return "no kernel"
	}
	return k.Name
}

// check returns what is wrong with a launch before the driver sees it.
func (l *Launch) check(c *Context) error {
	k := l.Kernel
	if k == nil {
		return errors.New("nil")
	}
	if err := k.module.usable(); err != nil {
		return err
	}
	if k.module.ctx != c {
		return errors.New("a kernel of another context")
	}
	if len(l.Arguments) > C.AG_MAX_ARGUMENTS {
		return &ArgumentError{Kernel: k.Name, Got: len(l.Arguments), Want: C.AG_MAX_ARGUMENTS, Count: true}
	}
	if k.sizes == nil {
		return nil
	}
	if len(l.Arguments) != len(k.sizes) {
		return &ArgumentError{Kernel: k.Name, Got: len(l.Arguments), Want: len(k.sizes), Count: true}
	}
	for i, a := range l.Arguments {
		if a.bytes != k.sizes[i] {
			return &ArgumentError{Kernel: k.Name, Argument: i, Got: a.bytes, Want: k.sizes[i]}
		}
	}
	return nil
}

// Close frees the list.
func (l *Launches) Close() error {
	if l.ctx == nil || l.done.Load() {
		return nil
	}
	l.end()
	C.free(unsafe.Pointer(l.launches))
	C.free(unsafe.Pointer(l.arguments))
	return nil
}

// Run submits the launches. A [*LaunchError] says which the driver refused;
// what kernels do wrong shows later, at a Sync.
func (s *Stream) Run(l *Launches) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := l.usable(); err != nil {
		return err
	}
	if len(l.names) == 0 {
		return nil
	}
	code := C.ag_launch_all(s.ctx.lib.c, s.ctx.ptr, s.ptr, l.launches, C.size_t(len(l.names)), l.arguments, &s.failed)
	if err := s.ctx.check("cuLaunchKernel", code); err != nil {
		i := min(int(s.failed), len(l.names)-1)
		return &LaunchError{l.names[i], i, err}
	}
	return nil
}
