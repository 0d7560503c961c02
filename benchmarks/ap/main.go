// Command ap writes what the shapes network finds in a directory of pictures as
// a file of COCO's results, for ap.py, which evaluates it beside torchvision's:
//
//	python3 benchmarks/ap/ap.py --out benchmarks/ap/RESULTS.md
//
// Picture 7.png is image 7 of the annotations.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func main() {
	log.SetFlags(0)
	model := flag.String("model", "testdata/shapes/model.pth", "the checkpoint")
	pictures := flag.String("pictures", ".", "directory of the pictures")
	output := flag.String("o", "results.json", "file to write")
	minSize := flag.Int("min-size", 256, "length of a picture's shorter side in the network")
	maxSize := flag.Int("max-size", 360, "greatest length of its longer side")
	flag.Parse()
	size := []vision.Option{vision.WithMinSize(*minSize), vision.WithMaxSize(*maxSize)}
	if err := evaluate(context.Background(), *model, *pictures, *output, size); err != nil {
		log.Fatal(err)
	}
}

func evaluate(ctx context.Context, model, pictures, output string, options []vision.Option) (err error) {
	weights, err := loaders.Open(model)
	if err != nil {
		return err
	}
	detector, err := vision.NewDetector(ctx, kernels.CPU(), weights, options...)
	if err != nil {
		return err
	}
	defer detector.Close()
	files, err := filepath.Glob(filepath.Join(pictures, "*.png"))
	if err != nil {
		return err
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	defer f.Close()
	buffered := bufio.NewWriter(f)
	results := vision.NewCOCOWriter(buffered)
	for _, file := range files {
		id, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".png"))
		if err != nil {
			return fmt.Errorf("%s: the name is no number: %w", file, err)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		img, err := picture.Decode(data, picture.DecodeOptions{})
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		found, err := detector.Detect(ctx, img)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := results.Write(found.COCO(id)); err != nil {
			return err
		}
	}
	if err := results.Close(); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return f.Close()
}
