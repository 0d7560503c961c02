package procedural

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// Fill fills dst with scale·u(name, i), u from −1 to 1: multiples of 2⁻²³ that
// the scripts in testdata make too.
func Fill(dst []float32, name string, scale float32) {
	seed := uint64(0xCBF29CE484222325) // FNV-1a
	for _, b := range []byte(name) {
		seed = (seed ^ uint64(b)) * 0x100000001B3
	}
	for i := range dst {
		z := seed + uint64(i+1)*0x9E3779B97F4A7C15 // splitmix64
		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
		z = (z ^ (z >> 27)) * 0x94D049BB133111EB
		z ^= z >> 31
		dst[i] = (float32(z>>40)*(1.0/(1<<23)) - 1) * scale
	}
}

// Checkpoint is a state_dict whose tensors are made when they are asked for. It
// is an nn.Source, and safe for concurrent use.
type Checkpoint struct {
	keys   []string
	shapes map[string]tensor.Shape
	fill   func(key string, shape tensor.Shape, dst []float32) error
}

// Keys implements nn.Source.
func (c *Checkpoint) Keys() []string { return c.keys }

// Tensor implements nn.Source. It returns an error for a key that is not there.
func (c *Checkpoint) Tensor(key string) (*tensor.Tensor, error) {
	shape, ok := c.shapes[key]
	if !ok {
		return nil, fmt.Errorf("procedural: no tensor %q", key)
	}
	data := make([]float32, shape.Len())
	if err := c.fill(key, shape, data); err != nil {
		return nil, fmt.Errorf("procedural: %s: %w", key, err)
	}
	return tensor.Of(data, shape...)
}

// MaskRCNN returns torchvision's maskrcnn_resnet50_fpn with frozen batch norms,
// 44.4 million parameters, as testdata/tv0292/make_golden.py makes it: its
// scores are spread, boxes overlap, and all levels of the pyramid are used. The
// file system is the repository's testdata. It returns an error if a file of
// keys or of the calibration is missing or damaged.
func MaskRCNN(testdata fs.FS) (*Checkpoint, error) {
	var calibration struct{ Scales map[string]float64 }
	data, err := fs.ReadFile(testdata, "tv0292/calib.json")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &calibration); err != nil {
		return nil, fmt.Errorf("tv0292/calib.json: %w", err)
	}
	if data, err = fs.ReadFile(testdata, "tv0292/calib.safetensors"); err != nil {
		return nil, err
	}
	vectors, err := loaders.OpenBytes(data, "tv0292/calib.safetensors")
	if err != nil {
		return nil, err
	}
	known := map[string]*tensor.Tensor{}
	for _, key := range vectors.Keys() {
		if known[key], err = vectors.Tensor(key); err != nil {
			return nil, err
		}
	}
	c := &Checkpoint{fill: func(key string, _ tensor.Shape, dst []float32) error {
		scale, calibrated := calibration.Scales[key]
		switch {
		case calibrated:
			Fill(dst, key, float32(scale))
		case known[key] != nil:
			return known[key].ConvertFloat32(dst, 0)
		default:
			fillNorm(dst, key)
		}
		return nil
	}}
	c.keys, c.shapes, err = ReadKeys(testdata, "maskrcnn_resnet50_fpn_frozen")
	return c, err
}

// Classifier returns a classifier as testdata/resnet/make_golden.py makes it, and
// testdata/mobilenet's with the same formulas. The model is the name of one of
// torchvision's that testdata/keys has, "resnet50" or "mobilenet_v3_large"; the
// file system is the repository's testdata. It returns an error if there is no
// such model.
func Classifier(testdata fs.FS, model string) (*Checkpoint, error) {
	keys, shapes, err := ReadKeys(testdata, model)
	if err != nil {
		return nil, err
	}
	return &Checkpoint{keys, shapes, func(key string, shape tensor.Shape, dst []float32) error {
		if len(shape) > 1 { // convolutions and fc: variance 2 / fan-in
			Fill(dst, key, float32(math.Sqrt(6/float64(shape[1:].Len()))))
		} else {
			fillNorm(dst, key)
		}
		return nil
	}}, nil
}

// Golden returns the network that a file of golden data was made with: its
// "state_dict" has, for each tensor, the shape, scale and mean that
// testdata/procedural.py has given it. The file system is the repository's
// testdata, the path such as "retinanet/golden.json". It returns an error if the
// file cannot be read or has no such thing.
func Golden(testdata fs.FS, path string) (*Checkpoint, error) {
	data, err := fs.ReadFile(testdata, path)
	if err != nil {
		return nil, err
	}
	var golden struct {
		StateDict map[string]description `json:"state_dict"`
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(golden.StateDict) == 0 {
		return nil, fmt.Errorf("%s: no state_dict", path)
	}
	c := &Checkpoint{keys: slices.Sorted(maps.Keys(golden.StateDict)), shapes: map[string]tensor.Shape{}}
	for key, d := range golden.StateDict {
		c.shapes[key] = d.shape
	}
	c.fill = func(key string, _ tensor.Shape, dst []float32) error {
		d := golden.StateDict[key]
		Fill(dst, key, d.scale)
		for i := range dst {
			dst[i] += d.mean
		}
		return nil
	}
	return c, nil
}

// A description is a tensor as testdata/procedural.py describes it.
type description struct {
	shape       tensor.Shape
	scale, mean float32
}

// UnmarshalJSON implements [json.Unmarshaler].
func (d *description) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&d.shape, &d.scale, &d.mean})
}

// fillNorm fills a vector of a batch norm, or a bias.
func fillNorm(dst []float32, key string) {
	scale, mean := float32(0.125), float32(0)
	switch {
	case strings.HasSuffix(key, "running_var"):
		scale, mean = 0.25, 1
	case strings.HasSuffix(key, "bn3.weight"): // a calm network: the sums of the residuals do not grow
		scale, mean = 0.0625, 0.25
	case strings.HasSuffix(key, ".weight"):
		mean = 1
	}
	Fill(dst, key, scale)
	for i := range dst {
		dst[i] += mean
	}
}

// ReadKeys returns the names, in order, and the shapes of the tensors of a
// model of testdata/keys, whose lines are a name, a tab and "[64, 3, 7, 7]".
func ReadKeys(testdata fs.FS, model string) (keys []string, shapes map[string]tensor.Shape, err error) {
	name := "keys/" + model + ".txt"
	f, err := testdata.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	shapes = map[string]tensor.Shape{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		field := strings.Split(lines.Text(), "\t")
		if len(field) < 2 {
			return nil, nil, fmt.Errorf("%s: %q: no tab", name, lines.Text())
		}
		shape := tensor.Shape{}
		for n := range strings.SplitSeq(strings.Trim(field[1], "[]"), ", ") {
			if n == "" {
				continue
			}
			v, err := strconv.Atoi(n)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %s: %w", name, field[0], err)
			}
			shape = append(shape, v)
		}
		keys, shapes[field[0]] = append(keys, field[0]), shape
	}
	return keys, shapes, lines.Err()
}
