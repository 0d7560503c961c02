package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/argand-go/argand/beamio"
)

// figures are the summary of a job for programs.
type figures struct {
	Pictures int           `json:"pictures"` // those that failed among them
	Objects  int           `json:"objects"`
	Failures int           `json:"failures"`
	Seconds  float64       `json:"seconds"`           // from the start of the command to its results
	Metrics  *beamio.Stats `json:"metrics,omitempty"` // absent if the runner told none
}

// writeFigures writes what --summary asks for.
func (p *pipeline) writeFigures(ctx context.Context, all *found, stats *beamio.Stats, took time.Duration) error {
	told := figures{all.pictures + all.failed, all.objects, all.failed, took.Seconds(), stats}
	data, err := json.MarshalIndent(told, "", "  ")
	if err != nil {
		return err
	}
	files, err := beamio.FileSystem(ctx, p.summary)
	if err == nil {
		err = filesystem.Write(ctx, files, p.summary, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("--summary %s: %w", p.summary, err)
	}
	return nil
}
