//go:build linux && cgo && !nocuda

package fakedriver

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The library that tests run on in a process that Watch has started.
var watched = flag.String("watched", "", "run tests on the fake driver at this `PATH`, whose kernels are being watched")

// watch are the flags that kernels are watched with: AddressSanitizer sees accesses
// beyond arrays, those in shared memory too, UndefinedBehaviorSanitizer what C++
// gives no meaning to.
var watch = []string{"-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
	"-fsanitize-sections=shared_memory_*"}

// Watched reports whether this process is one of Watch's: that is slow, and tests
// may do less.
func Watched() bool { return *watched != "" }

// Watch runs tests of this binary, those that match a pattern, on a fake driver
// whose kernels the compiler's sanitizers watch, in a process of its own. With a
// source, what was once in it is replaced first. Watch returns what the process
// printed, and whether all was well. If the sanitizers cannot be loaded, the test
// is skipped.
func Watch(t testing.TB, pattern, source, was, is string) (output string, ok bool) {
	t.Helper()
	var text []byte
	if source != "" {
		text = mistake(t, source, was, is)
	}
	library, err := build(source, text, watch)
	if errors.Is(err, errNoCompiler) {
		t.Skip("NOT RUN: the fake driver needs c++")
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(path, library, 0o755); err != nil {
		t.Fatal(err)
	}
	runtime, err := exec.Command("c++", "-print-file-name=libasan.so").Output()
	if err != nil {
		t.Fatal(err)
	}
	process := func(pattern string) ([]byte, error) {
		cmd := exec.Command(os.Args[0], "-test.run", pattern, "-test.timeout", "300s", "-watched", path)
		// Sanitizers come before all else, and leave faults to the emulator, whose threads have stacks of their own.
		cmd.Env = append(os.Environ(), "LD_PRELOAD="+string(bytes.TrimSpace(runtime)),
			"ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_sigbus=0:use_sigaltstack=0:detect_stack_use_after_return=0",
			"UBSAN_OPTIONS=print_stacktrace=1")
		return cmd.CombinedOutput()
	}
	if text, err := process("^$"); err != nil {
		t.Skipf("NOT RUN: the sanitizers cannot be loaded: %v\n%s", err, text)
	}
	out, err := process(pattern)
	return string(out), err == nil
}
