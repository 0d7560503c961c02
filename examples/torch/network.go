package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// Display is the network of make_segments.py: fc2(relu(fc1(x))), (N, 7) → (N, 10).
type Display struct{ Hidden int }

// Build reads its layers.
func (d *Display) Build(w nn.Weights) nn.Module {
	return &display{nn.NewLinear(w.At("fc1"), 7, d.Hidden), nn.NewLinear(w.At("fc2"), d.Hidden, 10)}
}

type display struct{ fc1, fc2 *nn.Linear }

// Forward implements nn.Module.
func (d *display) Forward(x nn.Value) nn.Value { return d.fc2.Forward(nn.ReLU(d.fc1.Forward(x))) }

// Parse is the step before the network.
type Parse struct{}

// Do makes a tensor of a line such as "0.9,1,0.1,0,1.2,0,0".
func (Parse) Do(_ context.Context, line string) (beamio.Tensor, error) {
	var brightness []float32
	for field := range strings.SplitSeq(line, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(field), 32)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) { // which ParseFloat takes, and JSON does not
			return beamio.Tensor{}, fmt.Errorf("%q is no brightness", field)
		}
		brightness = append(brightness, float32(v))
	}
	t, err := tensor.Of(brightness, len(brightness))
	return beamio.Tensor{Tensor: t}, err
}

// Digit is what is on the display.
type Digit struct {
	Digit       int     `json:"digit"`
	Probability float32 `json:"probability"`
}

// Read is the step after the network.
type Read struct{}

// Do returns the most probable digit by softmax.
func (Read) Do(_ context.Context, outputs []beamio.Tensor) (Digit, error) {
	logits, err := outputs[0].Float32s()
	if err != nil {
		return Digit{}, err
	}
	if len(logits) == 0 {
		return Digit{}, errors.New("no digits")
	}
	most := slices.Max(logits)
	var sum float64
	for _, v := range logits {
		sum += math.Exp(float64(v - most))
	}
	return Digit{slices.Index(logits, most), float32(1 / sum)}, nil
}
