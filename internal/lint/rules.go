package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Module is the path of the module that is checked.
const Module = "github.com/argand-go/argand"

// Budgets of hand-written files that are not tests.
const (
	MaxLines   = 400
	MaxColumns = 120 // characters; a tab is one
)

// edges lists, for every package, the packages of the module that its files
// (tests aside) may import. A name stands for itself and what is below it,
// unless that is listed too. Programs may import everything; nobody may
// import programs.
var edges = map[string][]string{
	"tensor":              {},
	"tensor/gorgonia":     {"tensor"},
	"loaders":             {"tensor"},
	"nn/op":               {"tensor"},
	"nn/op/optest":        {"nn/op", "tensor"},
	"nn/internal/graph":   {"nn/op", "tensor"},
	"nn":                  {"nn/internal/graph", "nn/op", "tensor"},
	"nn/picture":          {"tensor", "nn/picture/internal"},
	"nn/picture/internal": {},
	"nn/vision":           {"nn", "nn/op", "nn/picture", "tensor"},
	"kernels":             {"nn/op", "tensor", "kernels/internal"},
	"kernels/internal":    {"tensor", "kernels/internal"},
	"cuda":                {"nn/op", "tensor", "cuda"},
	"beamio": {
		"nn", "nn/op", "nn/vision", "nn/picture", "tensor", "loaders", "kernels", "cuda", "internal/device",
	},
	"beamio/bigquery": {"beamio"},
	"beamio/parquet":  {"beamio"},
	"internal/lint":   {},
	"internal/shapes": {},

	"internal/procedural": {"loaders", "tensor"},
	"internal/meter":      {"nn/op", "tensor"},
	"internal/jobserver":  {},
	"internal/device":     {"nn/op", "kernels", "cuda"},
}

var programs = []string{"cmd", "examples", "benchmarks"}

// light lists the packages that people link into services: the standard
// library and what is named here, nothing else.
var light = map[string][]string{
	"tensor":  {},
	"nn":      {},
	"kernels": {"golang.org/x/sys/cpu"},
	"loaders": {"github.com/nlpodyssey/gopickle/pickle", "github.com/nlpodyssey/gopickle/types"},
	// Picture formats that the standard library lacks, fonts, and what the CPU can run.
	"nn/picture": {"golang.org/x/image", "golang.org/x/sys/cpu"},
	"nn/vision":  {},
}

var forbidden = []string{"util", "utils", "misc", "common", "helper", "helpers", "v2"}

// Check returns every place in the tree that breaks a rule.
func Check(tree fs.FS) ([]string, error) {
	c := checker{tree: tree, packages: map[string]bool{}, docs: map[string]bool{}}
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			base := path.Base(name)
			if name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return fs.SkipDir
			}
			if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil && name != "." {
				return fs.SkipDir // a module of its own
			}
		case strings.HasSuffix(name, ".go"):
			return c.file(name)
		}
		return nil
	})
	for p := range c.packages {
		if !c.docs[p] && !under(p, programs) {
			c.say(p, 0, "the package has no doc.go")
		}
	}
	slices.Sort(c.found)
	return c.found, err
}

type checker struct {
	tree           fs.FS
	found          []string
	packages, docs map[string]bool
}

func (c *checker) say(file string, line int, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%s:%d: %s", file, line, fmt.Sprintf(format, args...)))
}

func (c *checker) file(name string) error {
	source, err := fs.ReadFile(c.tree, name)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	f, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	test := strings.HasSuffix(base, "_test.go")
	if slices.Contains(forbidden, strings.TrimSuffix(strings.TrimSuffix(base, ".go"), "_test")) ||
		slices.Contains(forbidden, path.Base(dir)) {
		c.say(name, 1, "a name that says nothing")
	}
	if ast.IsGenerated(f) {
		return nil
	}
	lines := strings.Split(string(source), "\n")
	if n := len(lines) - 1; n > MaxLines && !test {
		c.say(name, n, "%d lines, at most %d", n, MaxLines)
	}
	for i, l := range lines {
		if n := utf8.RuneCountInString(l); n > MaxColumns && !test {
			c.say(name, i+1, "%d characters, at most %d", n, MaxColumns)
		}
	}
	if test {
		return nil
	}
	if dir != "" && f.Name.Name != "main" {
		c.packages[dir] = true
		if base == "doc.go" && f.Doc != nil {
			c.docs[dir] = true
		}
	}
	for _, imp := range f.Imports {
		c.imports(files, dir, imp)
	}
	for _, d := range f.Decls {
		c.documented(files, d)
	}
	return nil
}

// imports checks one import of a package against edges and light.
func (c *checker) imports(files *token.FileSet, dir string, imp *ast.ImportSpec) {
	p := strings.Trim(imp.Path.Value, `"`)
	at := files.Position(imp.Pos())
	inside, ok := strings.CutPrefix(p, Module+"/")
	switch {
	case ok && under(inside, programs):
		c.say(at.Filename, at.Line, "imports a program, %s", inside)
	case under(dir, programs):
	case ok:
		from := longest(dir, edges)
		if from == "" {
			c.say(at.Filename, at.Line, "package %s is not in the table of edges", dir)
		} else if !slices.Contains(edges[from], longest(inside, edges)) {
			c.say(at.Filename, at.Line, "%s must not import %s", from, inside)
		}
	case strings.Contains(strings.Split(p, "/")[0], "."):
		from := longest(dir, light)
		if allowed, ok := light[from]; ok && !under(p, allowed) && !under(dir, []string{"tensor/gorgonia"}) {
			c.say(at.Filename, at.Line, "%s is to stay light and must not import %s", from, p)
		}
	}
}

// longest returns the key of table that is dir or the nearest above it.
func longest[T any](dir string, table map[string]T) string {
	for dir != "." && dir != "" {
		if _, ok := table[dir]; ok {
			return dir
		}
		dir = path.Dir(dir)
	}
	return ""
}

// under reports whether p is one of dirs or below one.
func under(p string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return p == d || strings.HasPrefix(p, d+"/") })
}

// documented checks that the exported names of a declaration have comments.
func (c *checker) documented(files *token.FileSet, d ast.Decl) {
	missing := func(n ast.Node, name string) {
		at := files.Position(n.Pos())
		c.say(at.Filename, at.Line, "%s has no doc comment", name)
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		isError := d.Recv != nil && d.Name.Name == "Error" // what it returns needs no telling
		if d.Name.IsExported() && !isError && d.Doc == nil && exportedReceiver(d) {
			missing(d, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
					missing(s, s.Name.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
						missing(s, n.Name)
					}
				}
			}
		}
	}
}

// exportedReceiver reports whether d is a function or a method of an exported
// type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}
