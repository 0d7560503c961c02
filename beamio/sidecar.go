package beamio

import (
	"context"
	"fmt"

	"github.com/argand-go/argand/nn/vision"
)

// readSidecar returns the options of a side-car file on any filesystem of
// Beam's, none for "".
func readSidecar(ctx context.Context, path string) ([]vision.Option, error) {
	if path == "" {
		return nil, nil
	}
	data, err := ReadFile(ctx, path, maxNamesBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	opts, err := vision.ParseSidecar(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return opts, nil
}
