package vision

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// A goldenCase is a case of nn/testdata/state_dict.json, a state_dict and what
// real PyTorch says to it. It is an nn.Source.
type goldenCase struct {
	Name, Net, Error string
	Entries          []goldenEntry `json:"keys"`
	Versions         map[string]int
}

type goldenEntry struct {
	key   string
	shape []int
}

func (e *goldenEntry) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&e.key, &e.shape})
}

func (c goldenCase) Keys() (keys []string) {
	for _, e := range c.Entries {
		keys = append(keys, e.key)
	}
	return keys
}

func (c goldenCase) Tensor(key string) (*tensor.Tensor, error) {
	for _, e := range c.Entries {
		if e.key == key {
			return tensor.New(tensor.Float32, e.shape...)
		}
	}
	return nil, os.ErrNotExist
}

func (c goldenCase) Version(module string) (int, bool) {
	v, ok := c.Versions[module]
	return v, ok
}

// Layers that torchvision renamed are found by either name as torchvision finds
// them, and refused in its words.
func TestRenamedGolden(t *testing.T) {
	b, err := os.ReadFile("../testdata/state_dict.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	config := DefaultRCNN()
	nets := map[string]func(w nn.Weights){
		"FeaturePyramidNetwork": func(w nn.Weights) { NewFPN(w, 0, 8, 16) },
		"RPN":                   func(w nn.Weights) { NewRPN(w, 4, config) },
		"RoIHeads":              func(w nn.Weights) { NewMaskHead(w, 4, 3, 0) },
	}
	loaded, refused := 0, 0
	for _, c := range cases {
		build := nets[c.Net]
		if build == nil {
			continue // of package nn, which has the same test
		}
		w := nn.NewWeights(c)
		build(w)
		got := ""
		if err := w.Err(c.Net); err != nil {
			got = err.Error()
			refused++
		} else {
			loaded++
		}
		if got != c.Error {
			t.Errorf("%s, %s: got\n%s\nwant\n%s", c.Net, c.Name, got, c.Error)
		}
	}
	if loaded < 40 || refused < 60 {
		t.Errorf("%d cases loaded, %d refused", loaded, refused)
	}
}
