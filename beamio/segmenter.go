package beamio

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"

	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func init() { registerRow(reflect.TypeFor[Segments]()) }

// Segments is what a [Segmenter] says of a picture: a row that crosses stages,
// of the classes that any pixel belongs to, the largest first. The background
// is one of them.
type Segments struct {
	Width  int       `json:"width"` // of the picture, in pixels
	Height int       `json:"height"`
	Labels []int     `json:"labels"`          // numbers of classes
	Names  []string  `json:"names"`           // of the classes
	Shares []float64 `json:"shares"`          // of the picture's pixels, 0 to 1
	Masks  []string  `json:"masks,omitempty"` // their pixels, the counts of COCO RLEs; empty without masks
}

// Segmenter is a handler that says what every pixel of pictures belongs to, with
// any network of package nn/vision for segmentation, recognised by the
// checkpoint: FCN, DeepLabV3 or LR-ASPP: [Picture] → [Segments]. Register it with
// beamio.Register(&beamio.Segmenter{}). Python has PytorchModelHandlerTensor for
// it, and leaves the reading, the decoding and the transform to steps before.
//
// Zero fields mean the network's own defaults in vision.NewSegmenter, which are
// torchvision's.
type Segmenter struct {
	Model   string // checkpoint, on any filesystem of Beam's
	SHA256  string `json:",omitempty"` // of the checkpoint, 64 hexadecimal digits; "" to take any
	Labels  string `json:",omitempty"` // file with the classes' names; see ParseNames, AddBackground
	Sidecar string `json:",omitempty"` // file with what the checkpoint does not hold; see vision.ParseSidecar
	Preset  string `json:",omitempty"` // torchvision's name of weights; see vision.WithPreset
	MinSize int    `json:",omitempty"` // pixels that the short side is scaled to; 520 by default
	Threads int    `json:",omitempty"` // of one run; as many as Go runs at once by default
	NoMasks bool   `json:",omitempty"` // leave masks out of the results

	// Where it runs; see [Detector].
	Device       string       `json:",omitempty"`
	Precision    op.Precision `json:",omitempty"`
	Driver       string       `json:",omitempty"`
	DeviceMemory int64        `json:",omitempty"`
}

func (g *Segmenter) place() device.Options {
	return device.Options{Name: g.Device, Precision: g.Precision, Driver: g.Driver, MemoryBytes: g.DeviceMemory}
}

// ModelID returns the path of the checkpoint.
func (g *Segmenter) ModelID() string { return g.Model }

// WithPath returns a copy for another checkpoint, for [WithModelWatch] and
// [WithModelUpdates]. It has the same SHA256, if there is one: then no other
// content is accepted.
func (g *Segmenter) WithPath(path string) ModelHandler[Picture, Segments] {
	other := *g
	other.Model = path
	return &other
}

// Validate implements what [ModelHandler] says of it. What it returns for fields
// that vision.NewSegmenter refuses is a [*vision.OptionError].
func (g *Segmenter) Validate() error {
	if g.Model == "" {
		return errors.New("no checkpoint: Model is empty")
	}
	if err := errors.Join(checkDigest(g.SHA256), g.place().Validate()); err != nil {
		return err
	}
	_, err := vision.NewSegmenter(context.Background(), kernels.CPU(), noCheckpoint{}, g.options()...)
	return optionError(err)
}

// options translates the fields but Labels. The preset comes first: fields overrule it.
func (g *Segmenter) options() []vision.Option {
	opts := []vision.Option{vision.WithThreads(g.Threads), vision.WithPrecision(g.Precision)}
	if g.Preset != "" {
		opts = append(opts, vision.WithPreset(g.Preset))
	}
	if g.MinSize != 0 {
		opts = append(opts, vision.WithMinSize(g.MinSize))
	}
	return opts
}

// PreferredBatch returns 1 and 1, as one picture keeps all cores busy, or 1 and 8
// for a GPU.
func (g *Segmenter) PreferredBatch() (low, high int) {
	if wantsGPU(g) {
		return 1, 8
	}
	return 1, 1
}

// Load implements [ModelHandler].
func (g *Segmenter) Load(ctx context.Context) (Model[Picture, Segments], error) {
	opts, err := readSidecar(ctx, g.Sidecar)
	if err != nil {
		return nil, err
	}
	opts = append(opts, g.options()...)
	var names []string
	if g.Labels != "" {
		if names, err = readNames(ctx, g.Labels); err != nil {
			return nil, err
		}
	}
	src, err := openModel(ctx, g.Model, g.SHA256)
	if err != nil {
		return nil, err
	}
	a, err := checkTask(src, g.Model, vision.Segmentation)
	if err != nil {
		return nil, err
	}
	if names != nil {
		opts = append(opts, vision.WithLabels(AddBackground(names, a.Classes)))
	}
	on, err := openDevice(ctx, g.Model, g.place())
	if err != nil {
		return nil, err
	}
	net, placed, err := load(on, func() (*vision.Segmenter, error) {
		return vision.NewSegmenter(ctx, on.Backend, src, opts...)
	})
	if err != nil {
		return nil, err
	}
	return &Steps[Picture, *picture.RGB, Segments]{
		Prepare: func(ctx context.Context, p Picture) (*picture.RGB, error) { return p.Decode(ctx) },
		Predict: func(ctx context.Context, batch []*picture.RGB) ([]Segments, error) {
			maps, err := net.SegmentBatch(ctx, images(batch))
			if err != nil {
				return nil, err
			}
			out := make([]Segments, len(maps))
			for i, m := range maps {
				out[i] = newSegments(m, !g.NoMasks)
			}
			return out, nil
		},
		Network: placed,
	}, nil
}

// newSegments makes a row of the classes of a picture's pixels.
func newSegments(m *vision.ClassMap, masks bool) Segments {
	g := Segments{Width: m.Width, Height: m.Height}
	shares := m.Shares()
	for label, share := range shares {
		if share > 0 {
			g.Labels = append(g.Labels, label)
		}
	}
	slices.SortStableFunc(g.Labels, func(a, b int) int { return cmp.Compare(shares[b], shares[a]) })
	for _, label := range g.Labels {
		g.Names, g.Shares = append(g.Names, m.Names[label]), append(g.Shares, shares[label])
		if masks {
			g.Masks = append(g.Masks, m.Map().Bitmap(uint8(label)).RLE().Counts)
		}
	}
	return g
}
