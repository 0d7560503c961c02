package beamio

import (
	"fmt"
	"strings"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/vision"
)

// checkTask recognises the network in a checkpoint, and returns an error that
// names the handler for it if it is for another task. What is not recognised
// is for the network's constructor to tell.
func checkTask(src nn.Source, model string, want vision.Task) (vision.Architecture, error) {
	a, err := vision.Recognize(src)
	if err == nil && a.Task != want {
		return a, fmt.Errorf("%s: %s is a network for %s, not for %s: %s runs it", model, a.Name, a.Task, want,
			handlerOf(a.Task))
	}
	return a, nil
}

// handlerOf returns the handler that shows pictures to the networks of a task.
func handlerOf(t vision.Task) string {
	switch t {
	case vision.Classification:
		return "beamio.Classifier"
	case vision.Segmentation:
		return "beamio.Segmenter"
	}
	return "beamio.Detector"
}

// taskOf returns what the networks of a name are for, torchvision's or one like
// it, such as that of another depth; "" if there are none.
func taskOf(name string) vision.Task {
	for _, p := range vision.Presets() {
		if stem(p.Network) == stem(name) {
			return p.Task
		}
	}
	return ""
}

// stem returns what the names of a family of networks have in common, "resnet"
// of "resnet18".
func stem(name string) string {
	if i := strings.IndexAny(name, "0123456789_"); i > 0 {
		return name[:i]
	}
	return name
}
