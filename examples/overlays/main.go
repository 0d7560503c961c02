package main

import (
	"bytes"
	"context"
	"image"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: overlays DIRECTORY")
	}
	photo := must(picture.Decode(must(fs.ReadFile(shapes.Pictures(), "s640.png")), picture.DecodeOptions{}))
	photo = photo.Resize(photo.W/2, photo.H/2, picture.Bilinear) // the documents should stay small
	found := detect(photo).Above(0.5)
	save("overlay.png", picture.Overlay(photo, found.Instances()))
	save("segmentation.png", picture.OverlayMap(photo, segments(found), shapes.Labels()))
	scene, people := figures(376, 320)
	save("keypoints.png", picture.Overlay(scene, people))
}

func detect(photo *picture.RGB) *vision.Detections {
	weights := must(loaders.OpenBytes(shapes.Model(), "shapes"))
	ctx := context.Background()
	options := []vision.Option{vision.WithLabels(shapes.Labels()), vision.WithMinSize(256), vision.WithMaxSize(360)}
	detector := must(vision.NewDetector(ctx, kernels.CPU(), weights, options...))
	defer detector.Close()
	return must(detector.Detect(ctx, photo))
}

// segments gives each pixel the class of the best object there.
func segments(found *vision.Detections) *picture.LabelMap {
	m := &picture.LabelMap{Pix: make([]uint8, found.Width*found.Height), W: found.Width, H: found.Height}
	for i, mask := range slices.Backward(found.Masks) {
		b := mask.Binary(vision.MaskThreshold)
		for y := range m.H {
			for x := range m.W {
				if b.At(x, y) {
					m.Pix[y*m.W+x] = uint8(found.Labels[i])
				}
			}
		}
	}
	return m
}

func save(name string, img image.Image) {
	var data bytes.Buffer
	must(0, picture.EncodePNG(&data, img))
	must(0, os.WriteFile(filepath.Join(os.Args[1], name), data.Bytes(), 0o644))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("overlays: ", err)
	}
	return value
}
