package benchmarks

import (
	"context"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// stored is a source whose tensors are all in memory, so that nothing but the
// loading of a network is measured. With half they are in half precision.
type stored struct {
	keys    []string
	tensors map[string]*tensor.Tensor
}

// store asks src for all tensors.
func store(src nn.Source, half bool) (*stored, error) {
	s := &stored{src.Keys(), map[string]*tensor.Tensor{}}
	for _, key := range s.keys {
		t, err := src.Tensor(key)
		if err != nil {
			return nil, err
		}
		if half && t.DType() == tensor.Float32 {
			if t, err = halved(t); err != nil {
				return nil, err
			}
		}
		s.tensors[key] = t
	}
	return s, nil
}

func halved(t *tensor.Tensor) (*tensor.Tensor, error) {
	numbers, err := t.Float32s()
	if err != nil {
		return nil, err
	}
	halves := make([]tensor.Half, len(numbers))
	for i, x := range numbers {
		halves[i] = tensor.HalfOf(x)
	}
	return tensor.Of(halves, t.Shape()...)
}

// Keys implements nn.Source and loaders.Tensors.
func (s *stored) Keys() []string { return s.keys }

// Tensor implements nn.Source and loaders.Tensors.
func (s *stored) Tensor(key string) (*tensor.Tensor, error) { return s.tensors[key], nil }

// Info implements loaders.Tensors.
func (s *stored) Info(key string) (loaders.Info, bool) {
	t, ok := s.tensors[key]
	if !ok {
		return loaders.Info{}, false
	}
	return loaders.Info{Key: key, DType: t.DType(), Shape: t.Shape()}, true
}

// checkpoint writes the weights of a network ("resnet18", "resnet50",
// "maskrcnn", "shapes") to a file as torch.save would, in single precision or
// in half, and returns its path. The shapes network is in half as it is.
func checkpoint(b *testing.B, network string, half bool) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), network+".pth")
	var src nn.Source
	var err error
	switch network {
	case "shapes":
		if err := os.WriteFile(path, shapes.Model(), 0o600); err != nil {
			b.Fatal(err)
		}
		return path
	case "maskrcnn":
		src, err = procedural.MaskRCNN(testdata)
	default:
		src, err = procedural.Classifier(testdata, network)
	}
	if err != nil {
		b.Fatal(err)
	}
	s, err := store(src, half)
	if err != nil {
		b.Fatal(err)
	}
	if err := loaders.SaveTorch(path, s); err != nil {
		b.Fatal(err)
	}
	return path
}

// A loaded network runs on a picture of its own: a ResNet on 224×224 pixels,
// Mask R-CNN on 800×1216, the shapes network on 512×512.
type loaded struct {
	bytes int64 // of packed weights
	run   func(ctx context.Context) (objects int, err error)
	close func() error
}

// embedded names the shapes network in place of a path.
const embedded = "embedded"

// load loads the network of the checkpoint at path.
func load(ctx context.Context, path string, opts ...vision.Option) (*loaded, error) {
	var c *loaders.Checkpoint
	var err error
	if path == embedded {
		c, err = loaders.OpenBytes(shapes.Model(), path)
	} else {
		c, err = loaders.Open(path)
	}
	if err != nil {
		return nil, err
	}
	return loadFrom(ctx, c, opts...)
}

func loadFrom(ctx context.Context, src nn.Source, opts ...vision.Option) (*loaded, error) {
	a, err := vision.Recognize(src)
	if err != nil {
		return nil, err
	}
	if a.Task != vision.Detection {
		return loadClassifier(ctx, src, opts...)
	}
	h, w, files, name := 512, 720, shapes.Pictures(), "s512.png"
	if a.Classes == 91 {
		h, w, files, name = 800, 1216, testdata, "tv0292/photo_480x640_7.png"
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		return nil, err
	}
	if a.Classes == 91 {
		img = picture.FromImage(img).Resize(w, h, picture.Bilinear)
	}
	opts = append(slices.Clip(opts), vision.WithMinSize(h), vision.WithMaxSize(w))
	d, err := vision.NewDetector(ctx, kernels.CPU(), src, opts...)
	if err != nil {
		return nil, err
	}
	return &loaded{d.Bytes(), func(ctx context.Context) (int, error) {
		found, err := d.Detect(ctx, img)
		if err != nil {
			return 0, err
		}
		return found.Len(), nil
	}, d.Close}, nil
}

func loadClassifier(ctx context.Context, src nn.Source, opts ...vision.Option) (*loaded, error) {
	c, err := vision.NewClassifier(ctx, kernels.CPU(), src, opts...)
	if err != nil {
		return nil, err
	}
	x, err := tensor.New(tensor.Float32, 1, 3, 224, 224)
	if err != nil {
		return nil, err
	}
	return &loaded{c.Bytes(), func(ctx context.Context) (int, error) {
		_, err := c.Logits(ctx, x)
		return 1, err
	}, c.Close}, nil
}

func median[T time.Duration | float64](all []T) T {
	s := slices.Sorted(slices.Values(all))
	return s[len(s)/2]
}
