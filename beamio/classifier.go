package beamio

import (
	"context"
	"errors"
	"reflect"

	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func init() { registerRow(reflect.TypeFor[Classes]()) }

// Classes is what a [Classifier] says of a picture: a row that crosses stages,
// the most probable class first.
type Classes struct {
	Labels []int     `json:"labels"` // numbers of classes
	Names  []string  `json:"names"`  // of the classes
	Scores []float32 `json:"scores"` // probabilities, 0 to 1
}

// Classifier is a handler that says what is in pictures, with any network of
// package nn/vision for classification, recognised by the checkpoint: [Picture] →
// [Classes]. Register it with beamio.Register(&beamio.Classifier{}).
// Python has PytorchModelHandlerTensor for it, and leaves the reading, the
// decoding and the transform to steps before.
//
// Zero fields mean the defaults of vision.NewClassifier, which are
// torchvision's.
type Classifier struct {
	Model   string // checkpoint, on any filesystem of Beam's
	SHA256  string `json:",omitempty"` // of the checkpoint, 64 hexadecimal digits; "" to take any
	Labels  string `json:",omitempty"` // file with the classes' names; see ParseNames
	Sidecar string `json:",omitempty"` // file with what the checkpoint does not hold; see vision.ParseSidecar
	Preset  string `json:",omitempty"` // torchvision's name of weights, "IMAGENET1K_V2", say; see vision.WithPreset
	Top     int    `json:",omitempty"` // how many classes are reported; 5 by default
	Threads int    `json:",omitempty"` // of one run; as many as Go runs at once by default

	// Where it runs; see [Detector].
	Device       string       `json:",omitempty"`
	Precision    op.Precision `json:",omitempty"`
	Driver       string       `json:",omitempty"`
	DeviceMemory int64        `json:",omitempty"`
}

func (c *Classifier) place() device.Options {
	return device.Options{Name: c.Device, Precision: c.Precision, Driver: c.Driver, MemoryBytes: c.DeviceMemory}
}

// ModelID returns the path of the checkpoint.
func (c *Classifier) ModelID() string { return c.Model }

// WithPath returns a copy for another checkpoint, for [WithModelWatch] and
// [WithModelUpdates]. It has the same SHA256, if there is one: then no other
// content is accepted.
func (c *Classifier) WithPath(path string) ModelHandler[Picture, Classes] {
	other := *c
	other.Model = path
	return &other
}

// Validate implements what [ModelHandler] says of it. What it returns for fields
// that vision.NewClassifier refuses is a [*vision.OptionError].
func (c *Classifier) Validate() error {
	switch {
	case c.Model == "":
		return errors.New("no checkpoint: Model is empty")
	case c.Top < 0:
		return errors.New("Top must be at least 0")
	}
	if err := errors.Join(checkDigest(c.SHA256), c.place().Validate()); err != nil {
		return err
	}
	_, err := vision.NewClassifier(context.Background(), kernels.CPU(), noCheckpoint{}, c.options()...)
	return optionError(err)
}

// options translates the fields but Labels.
func (c *Classifier) options() []vision.Option {
	opts := []vision.Option{vision.WithThreads(c.Threads), vision.WithPrecision(c.Precision)}
	if c.Preset != "" {
		opts = append(opts, vision.WithPreset(c.Preset))
	}
	return opts
}

// PreferredBatch returns 1 and 16, or 1 and 64 for a GPU.
func (c *Classifier) PreferredBatch() (low, high int) {
	if wantsGPU(c) {
		return 1, 64
	}
	return 1, 16
}

// Load implements [ModelHandler].
func (c *Classifier) Load(ctx context.Context) (Model[Picture, Classes], error) {
	opts, err := readSidecar(ctx, c.Sidecar)
	if err != nil {
		return nil, err
	}
	opts = append(opts, c.options()...)
	if c.Labels != "" {
		names, err := readNames(ctx, c.Labels)
		if err != nil {
			return nil, err
		}
		opts = append(opts, vision.WithLabels(names))
	}
	src, err := openModel(ctx, c.Model, c.SHA256)
	if err != nil {
		return nil, err
	}
	if _, err := checkTask(src, c.Model, vision.Classification); err != nil {
		return nil, err
	}
	on, err := openDevice(ctx, c.Model, c.place())
	if err != nil {
		return nil, err
	}
	net, placed, err := load(on, func() (*vision.Classifier, error) {
		return vision.NewClassifier(ctx, on.Backend, src, opts...)
	})
	if err != nil {
		return nil, err
	}
	top := c.Top
	if top == 0 {
		top = 5
	}
	return &Steps[Picture, *picture.RGB, Classes]{
		Prepare: func(ctx context.Context, p Picture) (*picture.RGB, error) { return p.Decode(ctx) },
		Predict: func(ctx context.Context, batch []*picture.RGB) ([]Classes, error) {
			answers, err := net.ClassifyBatch(ctx, images(batch), top)
			if err != nil {
				return nil, err
			}
			out := make([]Classes, len(answers))
			for i, a := range answers {
				for _, class := range a {
					out[i].Labels = append(out[i].Labels, class.Label)
					out[i].Names = append(out[i].Names, class.Name)
					out[i].Scores = append(out[i].Scores, class.Probability)
				}
			}
			return out, nil
		},
		Network: placed,
	}, nil
}
