package beamio

import (
	"context"
	"errors"
	"image"

	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// Detector is a handler that finds objects in pictures with any network of
// package nn/vision for detection, recognised by the checkpoint: Mask R-CNN,
// Keypoint R-CNN, RetinaNet, SSD and so on: [Picture] → [Detections]. Register it
// with beamio.Register(&beamio.Detector{}). Python has PytorchModelHandlerTensor for
// it, with an inference_fn that takes a list, and leaves the reading and the
// decoding to steps before.
//
// Zero fields mean the network's own defaults in vision.NewDetector, which are
// torchvision's. MinSize and MaxSize fail to load with an SSD or SSDlite, which
// scales every picture to one size; a Sidecar can change that one.
//
// Device is "cpu", which "" means too, "cuda" or "cuda:1" for a GPU of every
// worker, which must be there, or "auto", which takes the first GPU that can be
// used or else the CPU, and logs which it is and why. Python falls back to the CPU
// without a word. All models of a process on a GPU share it, with its kernels
// and the limit DeviceMemory, which must be the same for all. A batch that is too
// large for its memory is run in halves, and later ones are smaller; a picture
// that is too large by itself is a failure. If a GPU's context is lost the bundle
// fails, and the next loads the model again.
type Detector struct {
	Model   string   // checkpoint, on any filesystem of Beam's
	SHA256  string   `json:",omitempty"` // of the checkpoint, 64 hexadecimal digits; "" to take any
	Labels  string   `json:",omitempty"` // file with the classes' names; see ParseNames, AddBackground
	Sidecar string   `json:",omitempty"` // file with what the checkpoint does not hold; see vision.ParseSidecar
	Preset  string   `json:",omitempty"` // torchvision's name of weights, "COCO_V1", say; see vision.WithPreset
	MinSize int      `json:",omitempty"` // pixels that the short side is scaled to; 800 by default for most
	MaxSize int      `json:",omitempty"` // pixels that the long side may have then; 1333 by default for most
	Eps     *float64 `json:",omitempty"` // of batch norms; nil means the network's, 1e-5 for most, or the preset's
	Score   float64  `json:",omitempty"` // that objects exceed; 0.05 by default for most
	Threads int      `json:",omitempty"` // of one run; as many as Go runs at once by default
	NoMasks bool     `json:",omitempty"` // leave masks out of the results

	Device       string       `json:",omitempty"` // "cpu" by default
	Precision    op.Precision `json:",omitempty"` // float32 by default, and on the CPU
	Driver       string       `json:",omitempty"` // path of libcuda.so.1 on workers; "" to look for it
	DeviceMemory int64        `json:",omitempty"` // bytes of a GPU's memory that may be used; all of it by default
}

func (d *Detector) place() device.Options {
	return device.Options{Name: d.Device, Precision: d.Precision, Driver: d.Driver, MemoryBytes: d.DeviceMemory}
}

// gpuBatchPixels are those of eight pictures of 1344×1344, as many as
// PreferredBatch gathers.
const gpuBatchPixels = 8 * 1344 * 1344

// ModelID returns the path of the checkpoint.
func (d *Detector) ModelID() string { return d.Model }

// WithPath returns a copy for another checkpoint, for [WithModelWatch] and
// [WithModelUpdates]. It has the same SHA256, if there is one: then no other
// content is accepted.
func (d *Detector) WithPath(path string) ModelHandler[Picture, Detections] {
	other := *d
	other.Model = path
	return &other
}

// Validate implements what [ModelHandler] says of it. What it returns for fields
// that vision.NewDetector refuses is a [*vision.OptionError].
func (d *Detector) Validate() error {
	if d.Model == "" {
		return errors.New("no checkpoint: Model is empty")
	}
	if err := errors.Join(checkDigest(d.SHA256), d.place().Validate()); err != nil {
		return err
	}
	_, err := vision.NewDetector(context.Background(), kernels.CPU(), noCheckpoint{}, d.options()...)
	return optionError(err)
}

// PreferredBatch returns 1 and 1, as one large picture keeps all cores busy, or 1
// and 8 for a GPU.
func (d *Detector) PreferredBatch() (low, high int) {
	if wantsGPU(d) {
		return 1, 8
	}
	return 1, 1
}

// Load implements [ModelHandler].
func (d *Detector) Load(ctx context.Context) (Model[Picture, Detections], error) {
	var names []string
	if d.Labels != "" { // first: it fails sooner than a large checkpoint is read
		var err error
		if names, err = readNames(ctx, d.Labels); err != nil {
			return nil, err
		}
	}
	src, err := openModel(ctx, d.Model, d.SHA256)
	if err != nil {
		return nil, err
	}
	own, err := readSidecar(ctx, d.Sidecar)
	if err != nil {
		return nil, err
	}
	a, err := checkTask(src, d.Model, vision.Detection)
	if err != nil {
		return nil, err
	}
	opts := append(own, d.options()...)
	if names != nil {
		opts = append(opts, vision.WithLabels(AddBackground(names, a.Classes)))
	}
	on, err := openDevice(ctx, d.Model, d.place())
	if err != nil {
		return nil, err
	}
	if on.IsGPU() {
		opts = append(opts, vision.WithBatchPixels(gpuBatchPixels))
	}
	net, placed, err := load(on, func() (*vision.Detector, error) {
		return vision.NewDetector(ctx, on.Backend, src, opts...)
	})
	if err != nil {
		return nil, err
	}
	return &Steps[Picture, *picture.RGB, Detections]{
		Prepare: func(ctx context.Context, p Picture) (*picture.RGB, error) { return p.Decode(ctx) },
		Predict: func(ctx context.Context, batch []*picture.RGB) ([]Detections, error) {
			found, err := net.DetectBatch(ctx, images(batch))
			if err != nil {
				return nil, err
			}
			out := make([]Detections, len(found))
			for i, f := range found {
				out[i] = newDetections(f, !d.NoMasks)
			}
			return out, nil
		},
		Network: placed,
	}, nil
}

// options translates the fields but Labels. The preset comes first: fields overrule it.
func (d *Detector) options() []vision.Option {
	opts := []vision.Option{vision.WithThreads(d.Threads), vision.WithPrecision(d.Precision)}
	if d.Preset != "" {
		opts = append(opts, vision.WithPreset(d.Preset))
	}
	if d.MinSize != 0 {
		opts = append(opts, vision.WithMinSize(d.MinSize))
	}
	if d.MaxSize != 0 {
		opts = append(opts, vision.WithMaxSize(d.MaxSize))
	}
	if d.Eps != nil {
		opts = append(opts, vision.WithEps(*d.Eps))
	}
	if d.Score != 0 {
		opts = append(opts, vision.WithScoreThreshold(d.Score))
	}
	return opts
}

func images(batch []*picture.RGB) []image.Image {
	out := make([]image.Image, len(batch))
	for i, p := range batch {
		out[i] = p
	}
	return out
}
