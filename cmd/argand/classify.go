package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newClassify(stdout, stderr io.Writer) *cobra.Command {
	c := &classify{look: look{stdout: stdout, stderr: stderr}}
	cmd := &cobra.Command{
		Use:   "classify --model FILE FILES...",
		Short: "Say what is in pictures",
		Long: "Classify says what is in each picture with a network for classification, and prints a table of the most\n" +
			"probable classes.\n\n" + filesHelp + "\n\n" +
			"With --overlay it writes the most probable class on a copy of each picture.\n\n" + failuresHelp,
		Args: c.look.args,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args) },
	}
	c.network.addTo(cmd)
	c.look.addTo(cmd)
	cmd.Flags().IntVar(&c.top, "top", 5, "tell of the `N` most probable classes")
	return cmd
}

// classify is the command of that name.
type classify struct {
	network
	look
	top int
}

func (c *classify) run(ctx context.Context, args []string) error {
	if err := c.settleFor("classify"); err != nil {
		return err
	}
	if c.top < 1 {
		return misused(fmt.Errorf("--top %d: want at least 1", c.top))
	}
	return c.look.run(ctx, args, &c.device, func(ctx context.Context, b op.Backend, opts ...vision.Option) (seer, error) {
		net, err := load(ctx, b, &c.network, vision.NewClassifier, opts...)
		if err != nil {
			return nil, err
		}
		return &classifier{net, c.top}, nil
	})
}

// A classifier is a seer of classes.
type classifier struct {
	net *vision.Classifier
	top int
}

func (c *classifier) ask(ctx context.Context, imgs []image.Image) ([]sight, error) {
	answers, err := c.net.ClassifyBatch(ctx, imgs, c.top)
	if err != nil {
		return nil, err
	}
	sights := make([]sight, len(answers))
	for i, classes := range answers {
		sights[i] = classified(classes)
	}
	return sights, nil
}

func (c *classifier) header() string { return "CLASS\tPROBABILITY" }

func (c *classifier) close() error { return c.net.Close() }

// classified are the most probable classes of a picture.
type classified []vision.Class

// check returns an error if the network has not computed probabilities.
func (c classified) check() error {
	if math.IsNaN(float64(c[0].Probability)) {
		return errors.New("the network computes NaN of it; argand inspect --stats tells which weights are no finite numbers")
	}
	return nil
}

// A classification is that of one picture, for JSON.
type classification struct {
	source
	Classes []labelled `json:"classes"` // the most probable first
}

// labelled is a class with its probability.
type labelled struct {
	Label       int     `json:"label"`
	Name        string  `json:"name"`
	Probability float32 `json:"probability"`
}

func (c classified) record(of source) any {
	r := classification{of, make([]labelled, len(c))}
	for i, class := range c {
		r.Classes[i] = labelled(class)
	}
	return r
}

func (c classified) rows() []string {
	lines := make([]string, len(c))
	for i, class := range c {
		lines[i] = fmt.Sprintf("%s\t%.4f", printable(class.Name), class.Probability)
	}
	return lines
}

func (c classified) draw(v *view) image.Image {
	whole := [4]float32{0, 0, float32(v.img.W), float32(v.img.H)}
	best := c[0]
	return picture.Overlay(v.img, []picture.Instance{
		{Box: whole, Name: best.Name, Score: best.Probability, Colour: best.Label + 1},
	})
}
