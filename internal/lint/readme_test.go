package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestReadme compiles the programs in the README.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	if len(programs) < 2 {
		t.Fatalf("found %d programs, want at least 2", len(programs))
	}
	dir := scratchModule(t)
	for i, p := range programs {
		pkg := filepath.Join(dir, fmt.Sprint("p", i))
		if err := os.Mkdir(pkg, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(pkg, "main.go"), p[1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := goCommand(dir, "vet", "./...").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
