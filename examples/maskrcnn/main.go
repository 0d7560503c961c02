package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 4 {
		log.Fatal("usage: maskrcnn CHECKPOINT PICTURE OVERLAY.png")
	}
	checkpoint := must(loaders.Open(os.Args[1]))
	detector := must(vision.NewDetector(context.Background(), kernels.CPU(), checkpoint))
	img := must(picture.Decode(must(os.ReadFile(os.Args[2])), picture.DecodeOptions{}))
	found := must(detector.Detect(context.Background(), img)).Above(0.5)
	for i, name := range found.Names {
		fmt.Printf("%-12s %.3f  %7.1f\n", name, found.Scores[i], found.Boxes[i])
	}
	var overlay bytes.Buffer
	must(0, picture.EncodePNG(&overlay, picture.Overlay(img, found.Instances())))
	must(0, os.WriteFile(os.Args[3], overlay.Bytes(), 0o644))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal("maskrcnn: ", err)
	}
	return value
}
