package beamio

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestEveryOptionIsShown checks that every [Option] has an example, and that its
// documentation speaks of Python and of the default.
func TestEveryOptionIsShown(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	docs, shown := make(map[string]string), make(map[string]bool)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			if name, ok := strings.CutPrefix(f.Name.Name, "Example"); ok {
				shown[name] = true
			}
			if r := f.Type.Results; f.Name.IsExported() && r != nil && len(r.List) == 1 {
				if id, ok := r.List[0].Type.(*ast.Ident); ok && id.Name == "Option" {
					docs[f.Name.Name] = f.Doc.Text()
				}
			}
		}
	}
	if len(docs) < 15 {
		t.Fatalf("found %d options", len(docs))
	}
	for name, doc := range docs {
		if !shown[name] {
			t.Errorf("%s has no example", name)
		}
		if !strings.Contains(doc, "Python") || !strings.Contains(doc, "default") {
			t.Errorf("%s does not say what Python has, or what the default is", name)
		}
	}
	for _, name := range []string{"", "RunInferenceDLQ", "Torch", "Linear", "Classifier", "Detector", "Remote", "PerKey",
		"Preprocess", "Postprocess", "MatchImages", "ListImages"} {
		if !shown[name] {
			t.Errorf("no Example%s", name)
		}
	}
}

// TestGuideIsComplete looks for every option, transform, handler and metric in docs/beam.md.
func TestGuideIsComplete(t *testing.T) {
	guide, err := os.ReadFile("../docs/beam.md")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"cumulativeThrottlingSeconds", "throttling-msecs", "parquet.Write", "bigquery.Write"}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				names = append(names, guided(n)...)
			case *ast.ValueSpec: // of metrics.go
				if v, ok := onlyString(n); ok && strings.HasPrefix(n.Names[0].Name, "name") {
					names = append(names, v)
				}
			}
			return true
		})
	}
	if len(names) < 50 {
		t.Errorf("looked for %q alone", names)
	}
	for _, name := range names {
		if !strings.Contains(string(guide), name) {
			t.Errorf("docs/beam.md does not tell of %s", name)
		}
	}
}

// guided returns the name of an exported function if it is an option or a transform, and of the type of a method Load.
func guided(f *ast.FuncDecl) []string {
	if f.Recv != nil {
		star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
		if !ok || f.Name.Name != "Load" {
			return nil
		}
		return []string{"`" + typeName(star.X) + "`"}
	}
	if !f.Name.IsExported() || strings.HasPrefix(f.Name.Name, "Try") {
		return nil
	}
	if p := f.Type.Params.List; len(p) > 0 && typeName(p[0].Type) == "Scope" {
		return []string{f.Name.Name}
	}
	if r := f.Type.Results; r != nil && len(r.List) == 1 && strings.HasSuffix(typeName(r.List[0].Type), "Option") {
		return []string{f.Name.Name + "("}
	}
	return nil
}

// typeName returns the name of a type without its package and its parameters.
func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.SelectorExpr:
		return t.Sel.Name
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	}
	return ""
}

// onlyString returns the one string that a constant is.
func onlyString(v *ast.ValueSpec) (string, bool) {
	if len(v.Values) != 1 {
		return "", false
	}
	lit, ok := v.Values[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}
