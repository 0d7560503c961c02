package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
)

// recognizeTrunk names the trunk under w.
func recognizeTrunk(w nn.Weights) Architecture {
	a := Architecture{Width: extent(w, "conv1.weight", 0, 0), published: 64, Groups: 1}
	a.Bottleneck = w.At("layer1.0.conv3").Exists()
	for l := range a.Layers {
		for w.At(fmt.Sprintf("layer%d.%d", l+1, a.Layers[l])).Exists() {
			a.Layers[l]++
		}
	}
	width := extent(w, "layer1.0.conv2.weight", 0, 0)
	planes := width
	if a.Bottleneck {
		a.Groups = max(1, width/extent(w, "layer1.0.conv2.weight", 1, width+1))
		planes = extent(w, "layer1.0.conv3.weight", 0, 0) / 4
	}
	a.GroupWidth = 64 * width / a.Groups / max(planes, 1)
	a.Name = a.trunkName()
	return a
}

func (a Architecture) trunkName() string {
	depth := ""
	for d, layers := range map[string][4]int{
		"18": {2, 2, 2, 2}, "34": {3, 4, 6, 3}, "50": {3, 4, 6, 3}, "101": {3, 4, 23, 3}, "152": {3, 8, 36, 3},
	} {
		if layers == a.Layers && (len(d) == 2 && d < "50") != a.Bottleneck {
			depth = d
		}
	}
	if depth == "" {
		depth = fmt.Sprintf("_%d_%d_%d_%d", a.Layers[0], a.Layers[1], a.Layers[2], a.Layers[3])
	}
	switch {
	case a.Groups > 1:
		return fmt.Sprintf("resnext%s_%dx%dd", depth, a.Groups, a.GroupWidth)
	case a.GroupWidth > 64 && a.GroupWidth%64 == 0:
		return fmt.Sprintf("wide_resnet%s_%d", depth, a.GroupWidth/64)
	}
	return "resnet" + depth
}
