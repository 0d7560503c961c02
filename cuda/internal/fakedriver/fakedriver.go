//go:build linux && cgo && !nocuda

package fakedriver

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
static void fail(void *f, const char *function, int n, int code) {
	((void (*)(const char *, int, int))f)(function, n, code);
}
static int calls(void *f, const char *function) { return ((int (*)(const char *))f)(function); }
static void swap(void *f, const char *kernel, int n) { ((void (*)(const char *, int))f)(kernel, n); }
static void memory(void *f, size_t n) { ((void (*)(size_t))f)(n); }
static int number(void *f) { return ((int (*)(void))f)(); }
static const char *text(void *f) { return ((const char *(*)(void))f)(); }
static void time(void *f, double ms) { ((void (*)(double))f)(ms); }
static void set(void *f, int n) { ((void (*)(int))f)(n); }
*/
import "C"

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/argand-go/argand/cuda/kernel"
)

//go:embed fake
var sources embed.FS

// Driver is a fake driver of a test's own.
type Driver struct {
	Path   string // of the library
	handle unsafe.Pointer
	real   testing.TB // of the test that uses NVIDIA's, nil for ours
}

// built are the libraries and the object files that were compiled, by what they
// were compiled from.
var built sync.Map

// once returns what make does the first time.
func once(key string, make func() ([]byte, error)) ([]byte, error) {
	f, _ := built.LoadOrStore(key, sync.OnceValues(make))
	return f.(func() ([]byte, error))()
}

// New returns a fake driver in its initial state, or NVIDIA's with the flag
// -driver. Macros such as "FAKE_VERSION=11020" change what is compiled. Without a
// C++ compiler the test is skipped.
func New(t testing.TB, macros ...string) *Driver {
	t.Helper()
	if *instead != "" && macros == nil {
		return openReal(t)
	}
	if *watched != "" && macros == nil {
		library, err := os.ReadFile(*watched)
		return open(t, library, err)
	}
	library, err := once(strings.Join(macros, " "), func() ([]byte, error) { return build("", nil, nil, macros...) })
	return open(t, library, err)
}

// NewWithMistake returns a fake driver with a mistake in one of the kernels'
// sources: what was once in it is replaced. It is for tests of the tests.
func NewWithMistake(t testing.TB, source, was, is string) *Driver {
	t.Helper()
	library, err := build(source, mistake(t, source, was, is), nil)
	return open(t, library, err)
}

// mistake returns a source with a part of it replaced that is there once.
func mistake(t testing.TB, source, was, is string) []byte {
	t.Helper()
	text, err := fs.ReadFile(kernel.Sources, source)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(was)); n != 1 {
		t.Fatalf("%s has %q %d times; want 1", source, was, n)
	}
	return bytes.Replace(text, []byte(was), []byte(is), 1)
}

// open returns the driver that a library is.
func open(t testing.TB, library []byte, err error) *Driver {
	t.Helper()
	if errors.Is(err, errNoCompiler) {
		t.Skip("NOT RUN: the fake driver needs c++")
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &Driver{Path: filepath.Join(t.TempDir(), "libcuda.so.1")} // another file is another instance
	if err := os.WriteFile(d.Path, library, 0o755); err != nil {
		t.Fatal(err)
	}
	d.dlopen(t)
	return d
}

func (d *Driver) dlopen(t testing.TB) {
	t.Helper()
	path := C.CString(d.Path)
	defer C.free(unsafe.Pointer(path))
	if d.handle = C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL); d.handle == nil {
		t.Fatal(C.GoString(C.dlerror()))
	}
}

var errNoCompiler = errors.New("no C++ compiler")

// object returns the object file of a source of kernels, or of another text in
// its place, compiled with more flags.
func object(source string, text []byte, flags []string) ([]byte, error) {
	make := func() ([]byte, error) {
		if text == nil {
			var err error
			if text, err = fs.ReadFile(kernel.Sources, source); err != nil {
				return nil, err
			}
		}
		unit := fmt.Sprintf("#define EMULATOR\n#define SHARED_MEMORY shared_memory_%s\n#include %q\n"+
			"#include \"fake/add.h\"\n", strings.TrimSuffix(source, ".cu"), source)
		for _, name := range kernelName.FindAllSubmatch(text, -1) {
			unit += fmt.Sprintf("ADD_KERNEL(%s)\n", name[1])
		}
		files := map[string][]byte{"unit.cpp": []byte(unit), source: text}
		return compile(append([]string{"-c", "unit.cpp"}, flags...), files)
	}
	if text != nil {
		return make()
	}
	return once(strings.Join(append([]string{source}, flags...), " "), make)
}

var kernelName = regexp.MustCompile(`(?m)^extern "C" __global__ void (?:__launch_bounds__\(.*?\) )?(\w+)\(`)

// build compiles the library, with another text of one of the sources if there
// is one, and all that kernels are of with more flags.
func build(changed string, text []byte, flags []string, macros ...string) ([]byte, error) {
	sources, err := fs.Glob(kernel.Sources, "*.cu")
	if err != nil {
		return nil, err
	}
	args, files := append([]string{"-shared"}, flags...), make(map[string][]byte)
	for _, source := range []string{"fake/fake.cpp", "fake/emulate.cpp"} {
		with := []string{"-c", source, "-O1"} // half the time that -O3 takes
		for _, m := range macros {
			with = append(with, "-D"+m)
		}
		if source == "fake/emulate.cpp" {
			with = append(with, flags...)
		}
		o, err := once(strings.Join(with, " "), func() ([]byte, error) { return compile(with, nil) })
		if err != nil {
			return nil, err
		}
		name := filepath.Base(source) + ".o"
		files[name], args = o, append(args, name)
	}
	for _, source := range sources {
		var other []byte
		if source == changed {
			other = text
		}
		o, err := object(source, other, flags)
		if err != nil {
			return nil, err
		}
		files[source+".o"] = o
		args = append(args, source+".o")
	}
	return compile(args, files)
}

// compile runs the C++ compiler beside the sources, and more files or others in
// their places, and returns what it makes, or has made of the same before.
func compile(args []string, more map[string][]byte) ([]byte, error) {
	compiler, err := exec.LookPath("c++")
	if err != nil {
		return nil, errNoCompiler
	}
	files, err := allSources()
	if err != nil {
		return nil, err
	}
	maps.Copy(files, more)
	args = append([]string{"-std=c++17", "-O3", "-march=native", "-Wall", "-Werror", "-Wno-unknown-pragmas",
		"-ffp-contract=off", "-fno-gnu-unique", "-fPIC", "-I.", "-o", "out"}, args...)
	about, err := once(compiler, func() ([]byte, error) { // its version, and what this machine's CPU has
		return exec.Command(compiler, "-march=native", "-x", "c++", "-E", "-v", os.DevNull).CombinedOutput()
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, about)
	}
	return cached(keyOf(string(about), args, files), func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "fakedriver-*")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		for name, data := range files {
			path := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644)); err != nil {
				return nil, err
			}
		}
		cmd := exec.Command(compiler, args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%w\n%s", err, text)
		}
		return os.ReadFile(filepath.Join(dir, "out"))
	})
}

// allSources are the fake's and the kernels'.
func allSources() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, f := range []fs.FS{sources, kernel.Sources} {
		err := fs.WalkDir(f, ".", func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() {
				files[path], err = fs.ReadFile(f, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Function returns the address of a function of the fake's, for fakes of the
// libraries that work with a driver. NVIDIA's has none of what fakes are told and
// asked: a test that cannot do without is skipped.
func (d *Driver) Function(name string) unsafe.Pointer {
	if d.Real() && strings.HasPrefix(name, "fake_") {
		d.real.Skipf("NOT RUN on NVIDIA's driver: it has no %s", name)
	}
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	f := C.dlsym(d.handle, s)
	if f == nil {
		panic("the fake driver has no " + name)
	}
	return f
}

// Fail lets the n-th call of a function from now on, counted from 1, return a
// code. After one from 700 on every call does.
func (d *Driver) Fail(function string, n, code int) {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	C.fail(d.Function("fake_fail"), s, C.int(n), C.int(code))
}

// Skip lets the n-th call of a function from now on, counted from 1, do nothing,
// as if it had been forgotten.
func (d *Driver) Skip(function string, n int) { d.Fail(function, n, -1) }

// Swap lets argument n of a kernel, counted from 0, and the next one change places
// in every launch from now on, if they are equally large.
func (d *Driver) Swap(kernel string, n int) {
	s := C.CString(kernel)
	defer C.free(unsafe.Pointer(s))
	C.swap(d.Function("fake_swap"), s, C.int(n))
}

// Swaps returns how many launches have not been what they were since.
func (d *Driver) Swaps() int { return d.number("fake_swaps") }

// Calls returns how often a function was called.
func (d *Driver) Calls(function string) int {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	return int(C.calls(d.Function("fake_calls"), s))
}

// SetMemory sets how many bytes the device has.
func (d *Driver) SetMemory(bytes int64) { C.memory(d.Function("fake_memory"), C.size_t(bytes)) }

// Alive returns how many contexts, allocations and handles are there: 0 of
// NVIDIA's driver, which does not tell, as BrokenGuards and Fault say that all is
// well.
func (d *Driver) Alive() int { return d.number("fake_alive") }

// BrokenGuards returns how many bytes before and behind allocations had been
// written over when they were freed.
func (d *Driver) BrokenGuards() int { return d.number("fake_broken_guards") }

// number asks the fake for a number, which is 0 where there is nobody to ask.
func (d *Driver) number(function string) int {
	if d.Real() {
		return 0
	}
	return int(C.number(d.Function(function)))
}

// SetOrder sets in which of the emulator's Orders threads of kernels run. By
// default one launch has one order and the next another.
func (d *Driver) SetOrder(order int) {
	if !d.Real() {
		C.set(d.Function("fake_order"), C.int(order))
	}
}

// SetLibraryTime sets how many milliseconds of the device's time a piece of work
// of the fake of a library takes, by default 1; a kernel takes 1.5.
func (d *Driver) SetLibraryTime(ms float64) { C.time(d.Function("fake_library_time"), C.double(ms)) }

// Orders is how many orders there are.
const Orders = 5

// Fault returns what the emulator saw a kernel do wrong, "" if nothing.
func (d *Driver) Fault() string {
	if d.Real() {
		return ""
	}
	return C.GoString(C.text(d.Function("fake_fault")))
}
