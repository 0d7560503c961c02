package vision

import (
	"bytes"
	"image"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
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

// BenchmarkSSD measures a photo from pixels to detections with single-shot detectors of COCO's classes. With -v it prints
// the time by operator.
func BenchmarkSSD(b *testing.B) {
	photo := decodePNG(b, readFile(b, "tv0292", "photo_480x640_7.png"))
	for _, model := range []string{"ssd300_vgg16", "ssdlite320_mobilenet_v3_large"} {
		b.Run(model, func(b *testing.B) {
			var p op.Profile
			d, err := NewDetector(bg, kernels.CPU(), proceduralClassifier(b, model), WithProfile(&p))
			if err != nil {
				b.Fatal(err)
			}
			defer d.Close()
			benchmark(b, d, photo, &p)
		})
	}
}

// BenchmarkSegment measures a photo of 520×780 pixels, which torchvision's transform leaves at that size, from pixels to
// classes. With -v it prints the time by operator.
func BenchmarkSegment(b *testing.B) {
	photo := decodePNG(b, readFile(b, "tv0292", "photo_480x640_7.png"))
	img := picture.FromImage(photo).Resize(780, 520, picture.Bilinear)
	for _, model := range []string{"lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", "fcn_resnet50",
		"deeplabv3_resnet50"} {
		b.Run(model, func(b *testing.B) {
			var p op.Profile
			s, err := NewSegmenter(bg, kernels.CPU(), proceduralClassifier(b, model), WithProfile(&p))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			for b.Loop() {
				if _, err := s.Segment(bg, img); err != nil {
					b.Fatal(err)
				}
			}
			logProfile(b, &p)
		})
	}
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
