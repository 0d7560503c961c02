package headertest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Mistake is the name of a mistake, a part of functions.h that is there once, and
// what it is with the mistake.
type Mistake [3]string

// Run holds functions.h of the package "library", which is being tested, against
// the headers in directories, as its headers/headers.cpp says how, and then with a
// mistake at a time, each of which must be found.
func Run(t *testing.T, library string, directories []string, mistakes []Mistake) {
	t.Helper()
	list, err := os.ReadFile("functions.h")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-std=c++17", "-fsyntax-only", "-I", "stub"}
	for _, d := range directories {
		whole, err := filepath.Abs(d)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "-I", whole)
	}
	args = append(args, "headers.cpp")
	compile := func(t *testing.T, list []byte) ([]byte, error) {
		dir := t.TempDir()
		err := os.CopyFS(filepath.Join(dir, "driver/headers"), os.DirFS("../driver/headers"))
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, library, "headers"), os.DirFS("headers"))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, library, "functions.h"), list, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("c++", args...)
		cmd.Dir = filepath.Join(dir, library, "headers")
		return cmd.CombinedOutput()
	}
	if out, err := compile(t, list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, m := range mistakes {
		t.Run(m[0], func(t *testing.T) {
			if n := bytes.Count(list, []byte(m[1])); n != 1 {
				t.Fatalf("functions.h has %q %d times", m[1], n)
			}
			if _, err := compile(t, bytes.Replace(list, []byte(m[1]), []byte(m[2]), 1)); err == nil {
				t.Error("it was not found")
			}
		})
	}
}
