package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// A dump is what another program has computed, as benchmarks/peers/dump_golden.py writes it.
type dump struct {
	Torch       string         `json:"torch"`
	Torchvision string         `json:"torchvision"`
	Model       string         `json:"model"` // its class
	Task        string         `json:"task"`
	Settings    goldenSettings `json:"settings"`
	Stages      []goldenStage  `json:"stages"`

	file *loaders.Checkpoint
}

// goldenSettings are what no state_dict holds; nil is unknown.
type goldenSettings struct {
	Eps           *float64 `json:"eps"`
	MinSize       *int     `json:"min_size"`
	MaxSize       *int     `json:"max_size"`
	FixedSize     []int    `json:"fixed_size"` // width, height
	Score         *float64 `json:"score_thresh"`
	NMS           *float64 `json:"nms_thresh"`
	MaxDetections *int     `json:"detections_per_img"`
}

// A goldenStage is the result of a layer. Of samples there is a row for each row of the result.
type goldenStage struct {
	Path         string  `json:"path"`
	Call         int     `json:"call"` // how many times the layer was applied before
	Shape        []int   `json:"shape"`
	ChannelsLast bool    `json:"channels_last"`
	Greatest     float64 `json:"greatest"` // absolute value
	Samples      []float32
}

// openGolden reads all of a dump but the pictures.
func openGolden(ctx context.Context, path string) (*dump, error) {
	file, err := openFile(ctx, path, "")
	if err != nil {
		return nil, err
	}
	g := &dump{file: file}
	fail := func(err error) (*dump, error) {
		return nil, fmt.Errorf("%s: no dump of dump_golden.py: %w", file.Name(), err)
	}
	meta, err := g.bytes("meta")
	if err != nil {
		return fail(err)
	}
	if err := json.Unmarshal(meta, g); err != nil {
		return fail(fmt.Errorf("meta: %w", err))
	}
	for i := range g.Stages {
		s := &g.Stages[i]
		if s.Samples, err = g.floats("stage." + strconv.Itoa(i)); err != nil {
			return fail(err)
		}
		if err := s.check(); err != nil {
			return fail(fmt.Errorf("stage.%d: %w", i, err))
		}
	}
	return g, nil
}

// maker returns what made the golden.
func (g *dump) maker() string {
	return g.Model + " of torch " + g.Torch + ", torchvision " + g.Torchvision
}

// check returns an error unless a stage is what the script writes.
func (s *goldenStage) check() error {
	shape := tensor.Shape(s.Shape)
	switch {
	case len(shape) < 2 || shape.Len() == 0 || s.Path == "" || s.Call < 0:
		return errors.New("no path, or a shape without elements")
	case s.perRow() == 0 || len(s.Samples) != s.Shape[0]*s.perRow():
		return fmt.Errorf("%d numbers of %d rows", len(s.Samples), s.Shape[0])
	}
	return nil
}

// perRow returns how many numbers of each row were kept.
func (s *goldenStage) perRow() int { return len(s.Samples) / s.Shape[0] }

func (g *dump) bytes(name string) ([]byte, error) {
	x, err := g.file.Tensor(name)
	if err != nil {
		return nil, err
	}
	return tensor.Data[uint8](x)
}

func (g *dump) floats(name string) ([]float32, error) {
	x, err := g.file.Tensor(name)
	if err != nil {
		return nil, err
	}
	return tensor.Data[float32](x)
}
