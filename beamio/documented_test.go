package beamio

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
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
