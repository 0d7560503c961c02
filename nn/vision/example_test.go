package vision_test

import (
	"context"
	"fmt"
	"image/png"
	"log"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/vision"
)

func ExampleDetector() {
	ctx := context.Background()
	checkpoint, err := loaders.Open("../../testdata/shapes/model.pth")
	if err != nil {
		log.Fatal(err)
	}
	detector, err := vision.NewDetector(ctx, kernels.CPU(), checkpoint,
		vision.WithMinSize(640), vision.WithMaxSize(900), vision.WithLabels(shapes.Labels()))
	if err != nil {
		log.Fatal(err)
	}
	defer detector.Close()
	file, err := shapes.Pictures().Open("s640.png")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		log.Fatal(err)
	}

	found, err := detector.Detect(ctx, picture)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(detector.Architecture())
	found = found.Above(0.9)
	for i, name := range found.Names {
		fmt.Printf("%.2f %s at %.0f\n", found.Scores[i], name, found.Boxes[i])
	}
	// Output:
	// maskrcnn_resnet50_fpn, 5 classes, width 16
	// 1.00 circle at [19 396 63 442]
	// 1.00 star at [460 503 591 632]
	// 1.00 triangle at [0 43 236 257]
	// 1.00 square at [355 5 622 277]
}
