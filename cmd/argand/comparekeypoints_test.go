package main

import (
	"testing"

	"github.com/argand-go/argand/nn/picture"
)

// TestCompareKeypoints: one keypoint in fifty may be elsewhere, two may not, and what is missing is not there.
func TestCompareKeypoints(t *testing.T) {
	const objects, each = 10, 10
	for _, c := range []struct {
		moved, cut int
		agree      bool
	}{{0, 0, true}, {2, 0, true}, {3, 0, false}, {0, 3, false}} {
		k := &keypoints{each: each}
		here := make([][]picture.Keypoint, objects)
		for i := range objects * each {
			x, y := float32(3*i), float32(i)
			k.golden = append(k.golden, x, y, 1)
			here[i/each] = append(here[i/each], picture.Keypoint{X: x + 0.3, Y: y - 0.3})
		}
		for i := range c.moved {
			here[i][i].X += 0.2
		}
		here[objects-1] = here[objects-1][:each-c.cut]
		for i := range here {
			k.count(i, here[i])
		}
		if k.all != objects*each || k.same != k.all-c.moved-c.cut || k.agree() != c.agree {
			t.Errorf("%+v: %v, agree %v", c, k, k.agree())
		}
	}
	if k := (*keypoints)(nil); !k.agree() || k.String() != "" {
		t.Error("no keypoints are told of")
	}
}
