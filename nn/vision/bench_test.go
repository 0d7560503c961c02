package vision

import (
	"bytes"
	"image"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
)

// BenchmarkDetect measures a picture from pixels to detections: the small trained network at its six sizes, and the
// full-size one on case b. With -v it prints the time by operator.
func BenchmarkDetect(b *testing.B) {
	src, err := loaders.OpenReaderAt(bytes.NewReader(shapes.Model()), int64(len(shapes.Model())), "model_f16.pth")
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range readShapes(b, "expected_f16.json") {
		b.Run(c.Name, func(b *testing.B) {
			var p op.Profile
			d := c.detector(b, src, WithProfile(&p))
			benchmark(b, d, c.picture(b), &p)
		})
	}
	b.Run("full-size", func(b *testing.B) {
		var p op.Profile
		d, err := NewDetector(bg, kernels.CPU(), fullSize(b), WithMinSize(256), WithMaxSize(426), WithProfile(&p))
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		benchmark(b, d, decodePNG(b, readFile(b, "tv0292", "photo_240x320_11.png")), &p)
	})
}

func benchmark(b *testing.B, d *Detector, img image.Image, p *op.Profile) {
	for b.Loop() {
		if _, err := d.Detect(bg, img); err != nil {
			b.Fatal(err)
		}
	}
	logProfile(b, p)
}

func logProfile(b *testing.B, p *op.Profile) {
	var table bytes.Buffer
	if err := p.WriteOps(&table); err != nil {
		b.Error(err)
	}
	if testing.Verbose() {
		b.Logf("time by operator:\n%s", &table)
	}
}
