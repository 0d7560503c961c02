package graph

import (
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestFusePyramid checks that an upsampling whose shape comes from the very
// convolution that absorbs the addition is absorbed too, and that one which
// something else reads stays, with the convolution whose shape it needs.
func TestFusePyramid(t *testing.T) {
	weight, err := tensor.New(tensor.Float32, 4, 4, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	build := func(keepUpsampled bool) *op.Graph {
		tr := &Trace{}
		fine, coarse := tr.Input(tensor.Float32), tr.Input(tensor.Float32)
		lateral := tr.Add("inner", &op.Conv2d{Weight: weight}, 1, fine)
		up := tr.Add("upsample", &op.Upsample{}, 1, coarse, lateral)
		sum := tr.Add("add", &op.Add{}, 1, lateral, up)
		tr.Graph.Outputs = []op.Value{sum}
		if keepUpsampled {
			tr.Graph.Outputs = append(tr.Graph.Outputs, up)
		}
		return &tr.Graph
	}
	for _, c := range []struct {
		keep  bool
		nodes int
	}{{false, 1}, {true, 3}} {
		g, err := Fuse(build(c.keep))
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Validate(); err != nil {
			t.Fatal(err)
		}
		if len(g.Nodes) != c.nodes {
			t.Errorf("kept %v: %d nodes, want %d", c.keep, len(g.Nodes), c.nodes)
		}
		if !c.keep && op.EpilogueOf(g.Nodes[0].Op).Residual != op.NearestResidual {
			t.Error("the convolution does not read its residual through the upsampling")
		}
	}
}

// TestPaths checks that operators that are no layers are named after the
// layers they follow.
func TestPaths(t *testing.T) {
	tr := &Trace{}
	x := tr.Input(tensor.Float32)
	relu := &op.Activation{Act: op.ReLU}
	alone := tr.Add("", relu, 1, x)
	layer := tr.Add("layer1.0.bn3", relu, 1, alone)
	sum := tr.Add("", &op.Add{}, 1, layer, alone)
	tr.Add("", relu, 1, sum)
	for i, want := range []string{"relu", "layer1.0.bn3", "layer1.0.bn3/add", "layer1.0.bn3/relu"} {
		if got := tr.Graph.Nodes[i].Path; got != want {
			t.Errorf("node %d has the path %q, want %q", i, got, want)
		}
	}
}
