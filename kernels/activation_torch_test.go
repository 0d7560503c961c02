package kernels

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestActivationsAreTorchs: functions without an exponential have the bits that
// PyTorch's have, on the numbers of optest's golden.
func TestActivationsAreTorchs(t *testing.T) {
	file, err := os.ReadFile("../nn/op/optest/testdata/torch.json")
	if err != nil {
		t.Fatal(err)
	}
	var goldens []struct {
		Name    string
		In, Out []struct {
			Shape tensor.Shape
			Data  []byte
		}
	}
	if err := json.Unmarshal(file, &goldens); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, act := range []op.Act{op.ReLU, op.ReLU6, op.HardSigmoid, op.HardSwish} {
		for _, g := range goldens {
			if g.Name != act.String() {
				continue
			}
			found++
			x := must(tensor.FromBytes(tensor.Float32, g.In[0].Shape, g.In[0].Data, nil))
			want := must(must(tensor.FromBytes(tensor.Float32, g.Out[0].Shape, g.Out[0].Data, nil)).Clone().Float32s())
			var b builder
			b.Outputs = []op.Value{b.add("act", &op.Activation{Act: act}, b.input(tensor.Float32))}
			for _, be := range backends(t) {
				m := must(be.Load(t.Context(), &b.Graph, op.Options{}))
				got := must(runOn(t, m, x.Clone())[0].Float32s())
				for i, w := range want {
					if math.Float32bits(got[i]) != math.Float32bits(w) && (got[i] == got[i] || w == w) {
						t.Errorf("%s: %v of number %d is %v, PyTorch's %v", be.Name(), act, i, got[i], w)
					}
				}
			}
		}
	}
	if found != 4 {
		t.Errorf("%d goldens, want 4", found)
	}
}
