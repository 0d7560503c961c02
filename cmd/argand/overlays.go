package main

import (
	"bytes"
	"context"
	"fmt"
	"os"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/nn/picture"
)

// Workers know DoFns and handlers by name, so they are registered before beam.Init.
func init() {
	beamio.Register(&beamio.Detector{})
	beam.RegisterDoFn(&drawFn{})
	beam.RegisterDoFn(&countFn{})
}

// drawFn writes the overlay of each picture. It reads the picture again, which is cheap beside finding what is in it:
// its pixels would have to be encoded to come here from the network's stage.
type drawFn struct {
	Root     string // what the paths of all pictures begin with
	Output   string // the overlays' directory; they lie in it as their pictures lie in Root
	Progress string // a file that gets a byte for each picture
}

// ProcessElement writes one overlay, whole or not at all.
func (f *drawFn) ProcessElement(
	ctx context.Context, r beamio.PredictionResult[beamio.Picture, beamio.Detections],
) error {
	name := r.Example.Name
	if err := f.draw(ctx, name, &r.Inference); err != nil {
		return fmt.Errorf("overlay of %s: %w", name, err)
	}
	tick(f.Progress)
	return nil
}

func (f *drawFn) draw(ctx context.Context, name string, found *beamio.Detections) error {
	data, err := beamio.ReadFile(ctx, name, picture.DefaultMaxBytes)
	if err != nil {
		return err
	}
	img, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		return err
	}
	instances := make([]picture.Instance, found.Len())
	for i := range instances {
		instances[i] = picture.Instance{Box: found.Box(i), Name: found.Names[i], Score: found.Scores[i]}
		if i < len(found.Masks) {
			if instances[i].Pixels, err = found.RLE(i).Decode(); err != nil {
				return err
			}
		}
	}
	overlay := picture.Overlay(img, instances)
	path := joinPath(f.Output, overlayName(below(f.Root, name)))
	if !isRemote(path) {
		return writePNG(path, overlay)
	}
	var b bytes.Buffer
	if err := picture.EncodePNG(&b, overlay); err != nil {
		return err
	}
	return writeRemote(ctx, path, b.Bytes())
}

// countFn counts the pictures that failed as done.
type countFn struct {
	Progress string // as drawFn's
}

// ProcessElement counts one picture.
func (f *countFn) ProcessElement(beamio.Failure[beamio.Picture]) { tick(f.Progress) }

// tick appends a byte to a file, which tells the submitting process of a picture done, whichever process of the machine
// this is. On another machine there is no such file, and nothing to tell.
func tick(path string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	_, _ = f.Write([]byte{'.'})
	_ = f.Close()
}

// writeRemote writes an object. Object stores show it once it is closed, and never half of it.
func writeRemote(ctx context.Context, path string, data []byte) error {
	fs, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return err
	}
	return filesystem.Write(ctx, fs, path, data)
}
