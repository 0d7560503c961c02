package cuda_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var writeTable = flag.Bool("write-table", false, "write the table of seeded mistakes into docs/cuda.md")

// TestTable holds the table of seeded mistakes in docs/cuda.md to the tests that plant them: functions whose names end in
// Mistakes, with a list of structs that have a name and a source.
func TestTable(t *testing.T) {
	const file, begin, end = "../docs/cuda.md", "<!-- mistakes -->\n", "<!-- end of mistakes -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, _ := strings.Cut(string(text), begin)
	got, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatalf("%s has no table between %q and %q", file, begin, end)
	}
	rows, n := planted(t)
	want := fmt.Sprintf("| source | %d mistakes | test that sees them |\n|---|---|---|\n%s", n, strings.Join(rows, ""))
	switch {
	case n == 0:
		t.Error("no test plants mistakes")
	case got == want:
	case *writeTable:
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Error(err)
		}
	default:
		t.Errorf("%s: the table is not what the tests have; go test ./cuda -run TestTable -write-table writes\n%s", file, want)
	}
}

var planting = regexp.MustCompile(`^Test\w*Mistakes$`)

// planted returns rows of the table, and how many mistakes there are.
func planted(t *testing.T) (rows []string, n int) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			fun, ok := d.(*ast.FuncDecl)
			if !ok || !planting.MatchString(fun.Name.Name) {
				continue
			}
			by := bySource(fun)
			if len(by) == 0 {
				t.Errorf("%s: %s has no list of names and sources", name, fun.Name.Name)
			}
			for _, source := range slices.Sorted(maps.Keys(by)) {
				n += len(by[source])
				rows = append(rows, fmt.Sprintf("| %s | %s | %s, %s |\n",
					source, strings.Join(by[source], "; "), path.Join("cuda", name), fun.Name.Name))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, n
}

// bySource returns the names in a function's lists of structs by their sources.
func bySource(fun *ast.FuncDecl) map[string][]string {
	types, by := make(map[string]ast.Expr), make(map[string][]string)
	ast.Inspect(fun, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.TypeSpec:
			types[node.Name.Name] = node.Type
		case *ast.CompositeLit:
			array, ok := node.Type.(*ast.ArrayType)
			if !ok {
				break
			}
			of := array.Elt
			if name, ok := of.(*ast.Ident); ok {
				of = types[name.Name]
			}
			at := fields(of)
			for _, e := range node.Elts {
				values, ok := e.(*ast.CompositeLit)
				if name, source := at["name"], at["source"]; ok && at != nil && max(name, source) < len(values.Elts) {
					by[text(values.Elts[source])] = append(by[text(values.Elts[source])], text(values.Elts[name]))
				}
			}
		}
		return true
	})
	return by
}

// fields returns the places of a struct's fields, nil unless it has a name and a source.
func fields(of ast.Expr) map[string]int {
	s, ok := of.(*ast.StructType)
	if !ok {
		return nil
	}
	at, n := make(map[string]int), 0
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			at[name.Name] = n
			n++
		}
	}
	if _, ok := at["source"]; !ok {
		return nil
	}
	return at
}

// text returns what a literal of a string is.
func text(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return "?"
}
