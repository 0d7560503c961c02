package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A subject is a network with an input. Its run returns the first output, for a detector the scores.
type subject struct {
	run func(context.Context) ([]float32, error)
}

// A listing is what networks.py wrote about a network: the files of its weights and its input.
type listing struct {
	Weights string
	Input   string
	Shape   []int
}

// load loads a network of the directory's networks.json.
func load(name, threadsText, dir string) (*subject, error) {
	threads, err := strconv.Atoi(threadsText)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(dir, "networks.json"))
	if err != nil {
		return nil, err
	}
	var all map[string]listing
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	l, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no network %q", name)
	}
	x, err := readInput(filepath.Join(dir, l.Input), l.Shape)
	if err != nil {
		return nil, err
	}
	src, err := loaders.Open(filepath.Join(dir, l.Weights))
	if err != nil {
		return nil, err
	}
	switch name {
	case "maskrcnn", "maskrcnn+paste":
		return detector(src, x, threads, name == "maskrcnn+paste")
	case "features", "boxhead", "maskhead":
		return part(name, src, x, threads)
	}
	return classifier(src, x, threads)
}

// readInput reads raw float32 numbers.
func readInput(path string, shape []int) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	x, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		return nil, err
	}
	numbers, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	return x, binary.Read(f, binary.LittleEndian, numbers)
}

func classifier(src nn.Source, x *tensor.Tensor, threads int) (*subject, error) {
	c, err := vision.NewClassifier(context.Background(), kernels.CPU(), src, vision.WithThreads(threads))
	if err != nil {
		return nil, err
	}
	return &subject{func(ctx context.Context) ([]float32, error) {
		y, err := c.Logits(ctx, x)
		if err != nil {
			return nil, err
		}
		return tensor.Data[float32](y)
	}}, nil
}

// detector is the whole Mask R-CNN on a picture (3, H, W). Torchvision pastes every mask into a picture of its own;
// Argand leaves that to those who ask for a mask, unless paste asks for all.
func detector(src nn.Source, x *tensor.Tensor, threads int, paste bool) (*subject, error) {
	h, w := x.Shape()[1], x.Shape()[2]
	d, err := vision.NewDetector(context.Background(), kernels.CPU(), src, vision.WithThreads(threads),
		vision.WithMinSize(min(h, w)), vision.WithMaxSize(max(h, w)))
	if err != nil {
		return nil, err
	}
	return &subject{func(ctx context.Context) ([]float32, error) {
		found, err := d.DetectTensor(ctx, x)
		if err != nil {
			return nil, err
		}
		if paste {
			for i := range found.Masks {
				found.Masks[i].Paste()
			}
		}
		return found.Scores, nil
	}}, nil
}

// part is a part of Mask R-CNN between the operators that select:
//
//   - "features": image (1, 3, H, W), normalised → the RPN's objectness and deltas of all levels, with everything that
//     leads there: trunk, pyramid, RPN head;
//   - "boxhead": pooled features (1000, 256·7·7) → class logits and box deltas;
//   - "maskhead": pooled features (100, 256, 14, 14) → mask logits.
func part(name string, src nn.Source, x *tensor.Tensor, threads int) (*subject, error) {
	a, err := vision.Recognize(src)
	if err != nil {
		return nil, err
	}
	w, c := nn.NewWeights(src), vision.DefaultRCNN()
	trunk := vision.NewTrunk(w.At("backbone.body"), c.Eps)
	channels := trunk.Channels()
	fpn := vision.NewFPN(w.At("backbone.fpn"), nn.DefaultEps, channels[:]...)
	rpn := vision.NewRPN(w.At("rpn"), fpn.Channels(), c)
	box := vision.NewBoxHead(w.At("roi_heads"), fpn.Channels(), c)
	mask := vision.NewMaskHead(w.At("roi_heads"), fpn.Channels(), a.Classes, c.Eps)
	if err := w.Err("MaskRCNN"); err != nil {
		return nil, err
	}
	forward := map[string]func(in ...nn.Value) []nn.Value{
		"features": func(in ...nn.Value) []nn.Value {
			levels := trunk.Forward(in[0])
			objectness, deltas := rpn.Head(fpn.Forward(levels[:]...))
			return append(objectness, deltas...)
		},
		"boxhead": func(in ...nn.Value) []nn.Value {
			logits, deltas := box.Predict(box.Represent(in[0]))
			return []nn.Value{logits, deltas}
		},
		"maskhead": func(in ...nn.Value) []nn.Value { return []nn.Value{mask.Predict(mask.Represent(in[0]))} },
	}
	net, err := nn.CompileFunc(context.Background(), kernels.CPU(), []tensor.DType{tensor.Float32}, forward[name],
		nn.WithThreads(threads))
	if err != nil {
		return nil, err
	}
	specs, err := net.Outputs(x.Shape())
	if err != nil {
		return nil, err
	}
	out := make([]*tensor.Tensor, len(specs))
	for i, s := range specs {
		if out[i], err = tensor.New(s.DType, s.Shape...); err != nil {
			return nil, err
		}
	}
	return &subject{func(ctx context.Context) ([]float32, error) {
		if err := net.RunInto(ctx, out, []*tensor.Tensor{x}); err != nil {
			return nil, err
		}
		return tensor.Data[float32](out[0])
	}}, nil
}
