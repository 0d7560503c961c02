package nn

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/argand-go/argand/tensor"
)

// A goldenCase is a case of testdata/state_dict.json: a state_dict, and what
// load_state_dict of real PyTorch says to it. testdata/state_dict_make.py wrote
// it. It is a Source.
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

// Networks of layers of this package accept and refuse state_dicts as PyTorch's
// do, in its words, whatever versions the _metadata has.
func TestStateDictGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/state_dict.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []goldenCase
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	nets := map[string]func(w Weights){
		"Net": func(w Weights) {
			NewLinear(w.At("fc1"), 3, 5)
			NewBatchNorm2d(w.At("bn"), 4, DefaultEps)
			NewConv2d(w.At("conv"), 2, 6, Conv{Kernel: 3, Groups: 2, Bias: true})
			NewConvTranspose2d(w.At("up"), 4, 3, Conv{Kernel: 2, Stride: 2, Bias: true})
			NewConv2d(w.At("block.0"), 6, 4, Conv{Kernel: 1})
			NewBatchNorm2d(w.At("block.1"), 4, DefaultEps)
		},
		"Frozen": func(w Weights) { NewFrozenBatchNorm2d(w.At("bn"), 4, DefaultEps) },
	}
	loaded, refused := 0, 0
	for _, c := range cases {
		build := nets[c.Net]
		if build == nil {
			continue // of package vision, which has the same test
		}
		w := NewWeights(c)
		build(w)
		got := ""
		if err := w.Err(c.Net); err != nil {
			got, _, _ = strings.Cut(err.Error(), "\n\tThe checkpoint keeps") // a hint of ours
			refused++
		} else {
			loaded++
		}
		if got != c.Error {
			t.Errorf("%s, %s: got\n%s\nwant\n%s", c.Net, c.Name, got, c.Error)
		}
	}
	if loaded < 80 || refused < 35 {
		t.Errorf("%d cases loaded, %d refused", loaded, refused)
	}
}

// A tensor that is renamed is one of the new name alone.
func TestRename(t *testing.T) {
	src := goldenCase{Entries: []goldenEntry{{"a.old", []int{2}}, {"a.new", []int{3}}, {"b.old", []int{4}}},
		Versions: map[string]int{"b": 2}}
	w := NewWeights(src)
	for _, m := range []string{"a", "b", "none"} {
		w.At(m).Rename(2, "old", "new")
	}
	a, b := w.At("a"), w.At("b")
	if a.Has("old") || !a.Shape("new").Equal(tensor.Shape{2}) || !b.Has("old") || b.Has("new") || w.At("none").Exists() {
		t.Errorf("a: %v, b: %v", a.Shape("new"), b.Shape("old"))
	}
	if got := a.Tensor("new", 2); got.Len() != 2 {
		t.Errorf("got %v", got)
	}
	a.Rename(2, "old", "newer")
	if err := w.Err("Net"); err == nil || strings.Count(err.Error(), `"`) != 2 || !strings.Contains(err.Error(), `"b.old"`) {
		t.Errorf("got %v", err)
	}
}
