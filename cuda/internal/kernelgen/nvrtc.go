//go:build linux && cgo

package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

typedef struct nvrtc {
	int (*version)(int *, int *);
	int (*create)(void **, const char *, const char *, int, const char *const *, const char *const *);
	int (*compile)(void *, int, const char *const *);
	int (*destroy)(void **);
	int (*size[3])(void *, size_t *);
	int (*get[3])(void *, char *);
} nvrtc;

// The compiler looks for its builtins only among what is open already.
static const char *open_nvrtc(nvrtc *c, const char *builtins, const char *library) {
	if (!dlopen(builtins, RTLD_NOW | RTLD_GLOBAL)) return dlerror();
	void *handle = dlopen(library, RTLD_NOW);
	if (!handle) return dlerror();
	const struct { const char *name; void **to; } all[] = {
		{"nvrtcVersion", (void **)&c->version},
		{"nvrtcCreateProgram", (void **)&c->create},
		{"nvrtcCompileProgram", (void **)&c->compile},
		{"nvrtcDestroyProgram", (void **)&c->destroy},
		{"nvrtcGetProgramLogSize", (void **)&c->size[0]},
		{"nvrtcGetPTXSize", (void **)&c->size[1]},
		{"nvrtcGetCUBINSize", (void **)&c->size[2]},
		{"nvrtcGetProgramLog", (void **)&c->get[0]},
		{"nvrtcGetPTX", (void **)&c->get[1]},
		{"nvrtcGetCUBIN", (void **)&c->get[2]},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!(*all[i].to = dlsym(handle, all[i].name))) return all[i].name;
	return NULL;
}
static int version(const nvrtc *c, int *major, int *minor) { return c->version(major, minor); }
static int create(const nvrtc *c, void **p, const char *source, const char *name, int n, char **headers, char **names) {
	return c->create(p, source, name, n, (const char *const *)headers, (const char *const *)names);
}
static int compile(const nvrtc *c, void *p, int n, char **options) {
	return c->compile(p, n, (const char *const *)options);
}
static void destroy(const nvrtc *c, void *p) { c->destroy(&p); }
static int size(const nvrtc *c, int what, void *p, size_t *n) { return c->size[what](p, n); }
static int get(const nvrtc *c, int what, void *p, char *to) { return c->get[what](p, to); }
*/
import "C"

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"unsafe"
)

// A compiler is NVIDIA's NVRTC: compiler and assembler in a library that needs neither a GPU nor a header.
type compiler struct {
	c            *C.nvrtc
	major, minor int
}

// openCompiler opens the library in a directory.
func openCompiler(dir string) (*compiler, error) {
	one := func(pattern string) (string, error) {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(found) == 0 {
			return "", fmt.Errorf("no %s in %s: install what kernel/requirements.txt says", pattern, dir)
		}
		return found[0], nil
	}
	builtins, err := one("libnvrtc-builtins.so.*")
	if err != nil {
		return nil, err
	}
	library, err := one("libnvrtc.so.*")
	if err != nil {
		return nil, err
	}
	c := &compiler{c: (*C.nvrtc)(C.calloc(1, C.sizeof_nvrtc))}
	b, l := C.CString(builtins), C.CString(library)
	defer C.free(unsafe.Pointer(b))
	defer C.free(unsafe.Pointer(l))
	if why := C.open_nvrtc(c.c, b, l); why != nil {
		return nil, fmt.Errorf("%s: %s", library, C.GoString(why))
	}
	var major, minor C.int
	C.version(c.c, &major, &minor)
	c.major, c.minor = int(major), int(minor)
	return c, nil
}

// What a program gives, as nvrtc's size and get count it.
const (
	theLog = iota
	thePTX
	theCubin
)

// A header is a file that sources include.
type header struct{ name, text string }

// compile compiles a source with options and returns the log, the text of PTX and, for an architecture of devices, a
// cubin.
func (c *compiler) compile(
	name, source string, headers []header, options []string,
) (log string, ptx, cubin []byte, err error) {
	var names, texts []string
	for _, h := range headers {
		names, texts = append(names, h.name), append(texts, h.text)
	}
	cNames, freeNames := cStrings(names)
	defer freeNames()
	cTexts, freeTexts := cStrings(texts)
	defer freeTexts()
	cOptions, freeOptions := cStrings(options)
	defer freeOptions()
	s, n := C.CString(source), C.CString(name)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(n))
	var p unsafe.Pointer
	if code := C.create(c.c, &p, s, n, C.int(len(headers)), cTexts, cNames); code != 0 {
		return "", nil, nil, fmt.Errorf("%s: nvrtcCreateProgram: %d", name, code)
	}
	defer C.destroy(c.c, p)
	code := C.compile(c.c, p, C.int(len(options)), cOptions)
	log = strings.TrimSpace(string(c.result(theLog, p)))
	if code != 0 {
		return "", nil, nil, fmt.Errorf("%s %v: nvrtcCompileProgram: %d\n%s", name, options, code, log)
	}
	return log, c.result(thePTX, p), c.result(theCubin, p), nil
}

// result returns one of what a program gives, without the zero at its end if it is a text.
func (c *compiler) result(what int, p unsafe.Pointer) []byte {
	var n C.size_t
	if C.size(c.c, C.int(what), p, &n) != 0 || n == 0 {
		return nil
	}
	b := make([]byte, n)
	if C.get(c.c, C.int(what), p, (*C.char)(unsafe.Pointer(&b[0]))) != 0 {
		return nil
	}
	if what == theCubin {
		return b
	}
	return bytes.TrimRight(b, "\x00")
}

// cStrings returns strings as C has them, and what frees them.
func cStrings(all []string) (**C.char, func()) {
	p := (**C.char)(C.calloc(C.size_t(len(all)+1), C.size_t(unsafe.Sizeof(uintptr(0)))))
	list := unsafe.Slice(p, len(all)+1)
	for i, s := range all {
		list[i] = C.CString(s)
	}
	return p, func() {
		for _, s := range list[:len(all)] {
			C.free(unsafe.Pointer(s))
		}
		C.free(unsafe.Pointer(p))
	}
}
