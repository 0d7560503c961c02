package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
)

// Torch is a handler for any network that takes and returns tensors, with the
// weights of a state_dict saved by PyTorch: [Tensor] → [][Tensor], an example
// without an axis for the batch to the network's outputs for it, without one
// either. It is Python's PytorchModelHandlerTensor. Register it with
// beamio.Register(&beamio.Torch{}), and a network of one's own with
// [RegisterNetwork].
//
//	func init() {
//		beamio.Register(&beamio.Torch{})
//		beamio.RegisterNetwork(&MLP{})
//	}
//
//	results := beamio.RunInference(s, &beamio.Torch{Model: "mlp.pth", Network: &MLP{Hidden: 32}}, tensors)
//
// Without a Network it runs the networks of package nn/vision for classification
// and segmentation, recognised by the checkpoint: pictures (3, H, W), normalised,
// to logits (classes), or (classes, H, W). [Classifier] and [Segmenter] do that
// with pictures in files; a [Detector] finds objects, which is not one row of
// numbers for each picture.
//
// Examples must be float32, as PyTorch has it for a network of float32 weights:
// others fail at [StagePreprocess]. Those of one shape are stacked to a batch,
// and those of different shapes do not get into each other's way. What the
// network cannot take fails at [StageInference], with the network's error. A
// result does not depend on its batch, to the bit: a network that takes only one
// example at a time is run so, after its batch has failed; [WithBatchSize](1, 1)
// spares it that. An example's weight, for [WithBatchWeight], is the bytes of its
// elements.
type Torch struct {
	Model   string  // checkpoint, on any filesystem of Beam's
	Network Network // of a type that was given to RegisterNetwork; nil for one of package nn/vision
	SHA256  string  // of the checkpoint, 64 hexadecimal digits; "" to take any
	Prefix  string  // where the state_dict is in the checkpoint, "state_dict.model" say; "" if it is all of it
	Arch    string  // without a Network, torchvision's name of it, "resnet18"; "" to recognise it
	Threads int     // of one run; as many as Go runs at once by default

	// Where it runs; see [Detector].
	Device       string
	Precision    op.Precision
	Driver       string
	DeviceMemory int64
}

// torchFields are those of [Torch] that are plain, and its network packed.
type torchFields struct {
	Model   string
	Network *packed `json:",omitempty"`
	SHA256  string  `json:",omitempty"`
	Prefix  string  `json:",omitempty"`
	Arch    string  `json:",omitempty"`
	Threads int     `json:",omitempty"`

	Device       string       `json:",omitempty"`
	Precision    op.Precision `json:",omitempty"`
	Driver       string       `json:",omitempty"`
	DeviceMemory int64        `json:",omitempty"`
}

// MarshalJSON packs the network.
func (t Torch) MarshalJSON() ([]byte, error) {
	f := torchFields{t.Model, nil, t.SHA256, t.Prefix, t.Arch, t.Threads, t.Device, t.Precision, t.Driver, t.DeviceMemory}
	if t.Network != nil {
		n, err := pack(t.Network)
		if err != nil {
			return nil, fmt.Errorf("Network: %w", err)
		}
		f.Network = &n
	}
	return json.Marshal(f)
}

// UnmarshalJSON unpacks it.
func (t *Torch) UnmarshalJSON(data []byte) error {
	var f torchFields
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	*t = Torch{f.Model, nil, f.SHA256, f.Prefix, f.Arch, f.Threads, f.Device, f.Precision, f.Driver, f.DeviceMemory}
	if f.Network == nil {
		return nil
	}
	n, err := unpack[Network](*f.Network)
	if err != nil {
		return fmt.Errorf("Network: %w", err)
	}
	t.Network = n
	return nil
}

func (t *Torch) place() device.Options {
	return device.Options{Name: t.Device, Precision: t.Precision, Driver: t.Driver, MemoryBytes: t.DeviceMemory}
}

// ModelID returns the path of the checkpoint.
func (t *Torch) ModelID() string { return t.Model }

// WithPath returns a copy for another checkpoint, for [WithModelWatch] and
// [WithModelUpdates]. It has the same SHA256, if there is one: then no other
// content is accepted.
func (t *Torch) WithPath(path string) ModelHandler[Tensor, []Tensor] {
	other := *t
	other.Model = path
	return &other
}

// PreferredBatch returns 1 and 1024 for a network of one's own, 1 and 16 for
// those of nn/vision, or 1 and 64 on a GPU.
func (t *Torch) PreferredBatch() (low, high int) {
	switch {
	case t.Network != nil:
		return 1, 1024
	case wantsGPU(t):
		return 1, 64
	}
	return 1, 16
}

// Weight returns the bytes of an example's elements.
func (t *Torch) Weight(e Tensor) int {
	if e.Tensor == nil {
		return 0
	}
	return len(e.Bytes())
}

// Bucket returns the type and the shape of an example.
func (t *Torch) Bucket(e Tensor) string { return e.String() }

// Validate implements what [ModelHandler] says of it.
func (t *Torch) Validate() error {
	switch {
	case t.Model == "":
		return errors.New("no checkpoint: Model is empty")
	case strings.HasSuffix(t.Prefix, "."):
		return fmt.Errorf("the Prefix %q ends in a dot, which is no part of it", t.Prefix)
	case t.Threads < 0:
		return fmt.Errorf("%d Threads", t.Threads)
	case t.Network != nil && t.Arch != "":
		return fmt.Errorf("a Network, and %q of nn/vision too", t.Arch)
	}
	errs := []error{checkDigest(t.SHA256), checkArch(t.Arch), t.place().Validate()}
	if t.Network != nil {
		errs = append(errs, validate(t.Network))
	}
	return errors.Join(errs...)
}

// checkArch looks at the name of a network of nn/vision.
func checkArch(name string) error {
	if name == "" {
		return nil
	}
	switch taskOf(name) {
	case vision.Detection:
		return fmt.Errorf("Arch %q: the outputs of a detector are not one row for each example; "+
			"beamio.Detector is for those", name)
	case "":
		return fmt.Errorf("no Arch %q: want a network for classification or segmentation that vision.Presets lists", name)
	}
	return nil
}

// Load implements [ModelHandler]. What does not fit between the checkpoint and
// the network is an [*nn.StateDictError]; without a Network there are the errors
// of vision.NewClassifier besides.
func (t *Torch) Load(ctx context.Context) (Model[Tensor, []Tensor], error) {
	file, err := openModel(ctx, t.Model, t.SHA256)
	if err != nil {
		return nil, err
	}
	on, err := openDevice(ctx, t.Model, t.place())
	if err != nil {
		return nil, err
	}
	net, placed, err := load(on, func() (runner, error) { return t.load(ctx, on.Backend, file.Sub(t.Prefix)) })
	if err != nil {
		return nil, err
	}
	return &torchModel{runnerOn{net, placed}}, nil
}

// load loads the network on a backend.
func (t *Torch) load(ctx context.Context, b op.Backend, src *loaders.Checkpoint) (runner, error) {
	if t.Network == nil {
		return t.known(ctx, b, src)
	}
	net, err := compile(ctx, b, src, typeOf(t.Network).Name(), t.Network.Build,
		nn.WithThreads(t.Threads), nn.WithPrecision(t.Precision))
	if err != nil {
		return nil, err
	}
	return net, nil
}

// known loads a network of nn/vision.
func (t *Torch) known(ctx context.Context, b op.Backend, src *loaders.Checkpoint) (runner, error) {
	a, err := vision.Recognize(src)
	_, unknown := err.(*vision.UnknownArchitectureError)
	if unknown && slices.Contains([]string{"resnet", "resnext", "wide"}, stem(t.Arch)) {
		w := nn.NewWeights(src) // which says what it lacks
		vision.NewResNet(w, nn.DefaultEps)
		if wrong := w.Err(t.Arch); wrong != nil {
			return nil, wrong
		}
	}
	switch {
	case err != nil:
		return nil, err
	case a.Task == vision.Detection:
		return nil, checkArch(a.Name)
	case t.Arch != "" && t.Arch != a.Name:
		return nil, fmt.Errorf("%s: a %v, and not a %s", t.Model, a, t.Arch)
	}
	opts := []vision.Option{vision.WithThreads(t.Threads), vision.WithPrecision(t.Precision)}
	var net logiter
	if a.Task == vision.Segmentation {
		net, err = vision.NewSegmenter(ctx, b, src, opts...)
	} else {
		net, err = vision.NewClassifier(ctx, b, src, opts...)
	}
	if err != nil {
		return nil, err
	}
	return logits{net}, nil
}
