package vision

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestBitsOfANetwork: a whole ResNet-18 gives the same bits on 1, 2, 3 and 7
// threads, for a picture alone and in batches, and every time.
func TestBitsOfANetwork(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(7)) // or fewer would do for more threads
	const side, pictures = 64, 3
	src := proceduralClassifier(t, "resnet18")
	x, err := tensor.New(tensor.Float32, pictures, 3, side, side)
	if err != nil {
		t.Fatal(err)
	}
	procedural.Fill(floats(t, x), "three pictures", 2)
	var want *tensor.Tensor
	for _, threads := range []int{1, 2, 3, 7} {
		c, err := NewClassifier(bg, kernels.CPU(), src, WithThreads(threads))
		if err != nil {
			t.Fatal(err)
		}
		for _, batch := range []int{pictures, 1, 2, pictures} {
			for first := 0; first+batch <= pictures; first += batch {
				some, err := x.Slice(first, first+batch)
				if err != nil {
					t.Fatal(err)
				}
				y, err := c.Logits(bg, some)
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = y
				}
				of, err := want.Slice(first, first+batch)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(y.Bytes(), of.Bytes()) {
					t.Errorf("%d threads, %d pictures from %d: other bits", threads, batch, first)
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestNothingIsLeftToFuse: no pass over memory is left for an addition, an
// activation or a batch norm in ResNet-50 and in all of Mask R-CNN.
func TestNothingIsLeftToFuse(t *testing.T) {
	r := &recorder{}
	if _, err := NewClassifier(bg, r, readKeys(t, "resnet50")); err != nil {
		t.Fatal(err)
	}
	checkFused(t, "resnet50", r.graph, 53)
	if _, err := NewDetector(bg, r, readKeys(t, "maskrcnn_resnet50_fpn_frozen")); err != nil {
		t.Fatal(err)
	}
	checkFused(t, "maskrcnn_resnet50_fpn", r.graph, 53+8+5*3+5)
}

func checkFused(t *testing.T, name string, g *op.Graph, convolutions int) {
	t.Helper()
	count := map[string]int{}
	for _, n := range g.Nodes {
		count[fmt.Sprintf("%T", n.Op)]++
		switch n.Op.(type) {
		case *op.Add, *op.Mul, *op.Activation, *op.BatchNorm2d, *op.Upsample:
			t.Errorf("%s: %s has a %s of its own", name, n.Path, n.Op.Name())
		}
	}
	if n := count["*op.Conv2d"]; n != convolutions {
		t.Errorf("%s: %d convolutions, want %d: %v", name, n, convolutions, count)
	}
}
