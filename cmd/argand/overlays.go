package main

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/beamio"
)

// Workers know DoFns and handlers by name, so they are registered before beam.Init.
func init() {
	beamio.Register(&beamio.Detector{})
	beam.RegisterDoFn(&drawFn{})
}

// drawFn is beamio.WriteOverlays in a process that may be interrupted: it finishes an overlay that it has begun.
type drawFn struct {
	Root   string // what the paths of all pictures begin with
	Output string // the overlays' directory; they lie in it as their pictures lie in Root
}

// ProcessElement writes one overlay, whole or not at all.
func (f *drawFn) ProcessElement(
	ctx context.Context, r beamio.PredictionResult[beamio.Picture, beamio.Detections],
) error {
	writing.RLock()
	defer writing.RUnlock()
	_, err := beamio.Overlays{Dir: f.Output, Root: f.Root}.Write(ctx, r.Example, &r.Inference)
	return err
}
