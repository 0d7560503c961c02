package vision

import (
	"os"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
)

// fullSize returns the checkpoint of testdata/tv0292/make_golden.py's golden_model.
func fullSize(t testing.TB) *procedural.Checkpoint {
	t.Helper()
	c, err := procedural.MaskRCNN(os.DirFS(testdata))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// proceduralClassifier returns the checkpoint of testdata/resnet/make_golden.py.
func proceduralClassifier(t testing.TB, model string) *procedural.Checkpoint {
	t.Helper()
	c, err := procedural.Classifier(os.DirFS(testdata), model)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
