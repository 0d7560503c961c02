package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWeight builds a program outside the module that imports the core, and
// checks what it links and how large it is.
func TestWeight(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	// The scratch module requires what the module itself requires, so that
	// nothing has to be looked up.
	_, requires, _ := strings.Cut(string(mod), "\nrequire ")
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module scratch\n\ngo 1.26\n\nrequire " + Module + " v0.0.0\nreplace " + Module + " => " + root +
			"\n\nrequire " + requires,
		"go.sum":  string(sum),
		"main.go": scratch,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for dep := range strings.FieldsSeq(run("list", "-deps", ".")) {
		if strings.Contains(dep, ".") && !strings.HasPrefix(dep, Module) && !under(dep, []string{
			"golang.org/x/sys", "github.com/nlpodyssey/gopickle",
			"golang.org/x/text", // of gopickle
		}) && !strings.HasPrefix(dep, "vendor/") && dep != "scratch" {
			t.Errorf("the core links %s", dep)
		}
	}
	run("build", "-trimpath", "-ldflags=-s -w", "-o", "scratch.bin", ".")
	info, err := os.Stat(filepath.Join(dir, "scratch.bin"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("stripped static binary: %.1f MB", float64(info.Size())/1e6)
	if info.Size() > 10e6 {
		t.Errorf("stripped static binary of %d bytes, at most 10 MB", info.Size())
	}
}

const scratch = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

func main() {
	c, err := loaders.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	w := nn.NewWeights(c)
	net, err := nn.Compile(context.Background(), kernels.CPU(), nn.NewLinear(w, 1, 1))
	if err != nil {
		panic(err)
	}
	x, _ := tensor.Of([]float32{20}, 1, 1)
	fmt.Println(net.Run(context.Background(), x))
}
`
