package benchmarks

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/meter"
	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

var testdata = os.DirFS("../testdata")

// BenchmarkResNet50 runs a ResNet-50 on 1 and 8 pictures of 224×224 pixels.
func BenchmarkResNet50(b *testing.B) { benchmarkClassifier(b, "resnet50", 1, 8) }

// BenchmarkResNet18 runs a ResNet-18 on a picture of 224×224 pixels.
func BenchmarkResNet18(b *testing.B) { benchmarkClassifier(b, "resnet18", 1) }

// BenchmarkViTB16 runs a ViT-B/16 on a picture of 224×224 pixels.
func BenchmarkViTB16(b *testing.B) { benchmarkClassifier(b, "vit_b_16", 1) }

// BenchmarkConvNeXtTiny runs a ConvNeXt-T on a picture of 224×224 pixels.
func BenchmarkConvNeXtTiny(b *testing.B) { benchmarkClassifier(b, "convnext_tiny", 1) }

func benchmarkClassifier(b *testing.B, model string, batches ...int) {
	src, err := procedural.Classifier(testdata, model)
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range batches {
		x, err := tensor.New(tensor.Float32, n, 3, 224, 224)
		if err != nil {
			b.Fatal(err)
		}
		data, err := tensor.Data[float32](x)
		if err != nil {
			b.Fatal(err)
		}
		procedural.Fill(data, "input224", 2)
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) {
			onThreads(b, func(m *meter.Meter, threads int) (func(context.Context) error, func() error, error) {
				c, err := vision.NewClassifier(b.Context(), m, src, vision.WithThreads(threads))
				if err != nil {
					return nil, nil, err
				}
				return func(ctx context.Context) error {
					_, err := c.Logits(ctx, x)
					return err
				}, c.Close, nil
			})
		})
	}
}

// BenchmarkMaskRCNN800x1216 finds a hundred objects in a picture of that size with the full-size Mask R-CNN.
func BenchmarkMaskRCNN800x1216(b *testing.B) {
	src, err := procedural.MaskRCNN(testdata)
	if err != nil {
		b.Fatal(err)
	}
	img := readPNG(b, testdata, "tv0292/photo_480x640_7.png")
	benchmarkDetector(b, src, picture.FromImage(img).Resize(1216, 800, picture.Bilinear), 800, 1216)
}

// BenchmarkShapes finds shapes in a picture with the small trained network, as "argand detect" does.
func BenchmarkShapes(b *testing.B) {
	src, err := loaders.OpenBytes(shapes.Model(), "the embedded network")
	if err != nil {
		b.Fatal(err)
	}
	benchmarkDetector(b, src, readPNG(b, shapes.Pictures(), "s640.png"), 512, 720)
}

func benchmarkDetector(b *testing.B, src nn.Source, img image.Image, minSize, maxSize int) {
	onThreads(b, func(m *meter.Meter, threads int) (func(context.Context) error, func() error, error) {
		d, err := vision.NewDetector(b.Context(), m, src, vision.WithThreads(threads),
			vision.WithMinSize(minSize), vision.WithMaxSize(maxSize))
		if err != nil {
			return nil, nil, err
		}
		return func(ctx context.Context) error {
			found, err := d.Detect(ctx, img)
			if err == nil && found.Len() == 0 {
				err = fmt.Errorf("no objects")
			}
			return err
		}, d.Close, nil
	})
}

// onThreads measures what load returns, on one thread and on all.
func onThreads(
	b *testing.B, load func(m *meter.Meter, threads int) (run func(context.Context) error, close func() error, err error),
) {
	all := runtime.GOMAXPROCS(0)
	for _, threads := range []int{1, all} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			m := meter.New(kernels.CPU())
			run, close, err := load(m, threads)
			if err != nil {
				b.Fatal(err)
			}
			defer close()
			if err := run(b.Context()); err != nil { // plans, and touches memory for the first time
				b.Fatal(err)
			}
			m.Take()
			peak := 0.0
			for b.Loop() {
				b.StopTimer()
				peak = max(peak, kernels.PeakGFLOPS(2*time.Millisecond))
				b.StartTimer()
				if err := run(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			report(b, m, peak*float64(threads), b.Elapsed().Seconds())
		})
		if all == 1 {
			return
		}
	}
}

// report reports what the layers did in so many seconds.
func report(b *testing.B, m *meter.Meter, peak, seconds float64) {
	flops := 0.0
	for _, l := range m.Take() {
		flops += float64(l.FLOPs)
	}
	rate := flops / seconds / 1e9
	b.ReportMetric(rate, "GFLOP/s")
	if peak > 0 {
		b.ReportMetric(100*rate/peak, "%peak")
	}
}

func readPNG(b *testing.B, files fs.FS, name string) image.Image {
	b.Helper()
	data, err := fs.ReadFile(files, name)
	if err != nil {
		b.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	return img
}
