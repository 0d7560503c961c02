package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scratchModule makes a module outside this one that requires it, and what it
// requires, so that nothing has to be looked up.
func scratchModule(t *testing.T) (dir string) {
	t.Helper()
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
	_, requires, _ := strings.Cut(string(mod), "\nrequire ")
	dir = t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module scratch\n\ngo 1.26\n\nrequire " + Module + " v0.0.0\nreplace " + Module + " => " + root +
			"\n\nrequire " + requires,
		"go.sum": string(sum),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goCommand returns the go command in a scratch module.
func goCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	return cmd
}

// TestWeight builds a program outside the module that imports the core, and
// checks what it links and how large it is.
func TestWeight(t *testing.T) {
	dir := scratchModule(t)
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(scratch), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		cmd := goCommand(dir, args...)
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for dep := range strings.FieldsSeq(run("list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if dep != "scratch" && !under(dep, []string{
			Module, "golang.org/x/sys", "github.com/nlpodyssey/gopickle",
			"golang.org/x/text", // of gopickle
		}) {
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
