package main

import (
	"context"
	"fmt"
	"image"
	"io"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newDetect(stdout, stderr io.Writer) *cobra.Command {
	d := &detect{look: look{stdout: stdout, stderr: stderr}}
	cmd := &cobra.Command{
		Use:   "detect FILES...",
		Short: "Find the objects in pictures",
		Long: "Detect finds the objects in pictures with a network for detection and prints a table of them.\n\n" +
			filesHelp + "\n\n" +
			"With --overlay it draws boxes, names, scores, masks and keypoints on a copy of each picture; in directories and\n" +
			"animations the objects of a class have one colour, elsewhere each object has its own. With --json or --jsonl it\n" +
			"prints masks as COCO's run lengths. --coco writes the results file that pycocotools evaluates: pictures whose\n" +
			"names all end with different numbers, as 000000000139.jpg, have those as image_id, and others are numbered from\n" +
			"1 in their order. For an evaluation give --score 0.05, or what the network's own is.\n\n" + failuresHelp,
		Args: d.look.args,
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), args) },
	}
	d.detectorNetwork.addTo(cmd)
	d.look.addTo(cmd)
	cmd.Flags().IntVar(&d.most, "top-n", 0, "tell of at most `N` objects of a picture, those that score highest; 0 is "+
		"as many as\nthe network finds, 100 for most")
	cmd.Flags().StringVar(&d.coco, "coco", "", "write a `FILE` of COCO's results")
	return cmd
}

// What the help of detect, classify and segment has in common.
const (
	filesHelp = "FILES are pictures, directories of pictures, patterns such as '*.jpg', and - for a picture on\n" +
		"standard input. The files of a directory are looked at in the order of their names, those of directories in it\n" +
		"are not; the frames of an animated GIF are looked at one by one. Overlays among FILES are left out if their\n" +
		"pictures are there too."
	failuresHelp = "A picture that fails does not stop the others; the exit status tells of it."
)

// detect is the command of that name.
type detect struct {
	detectorNetwork
	look
	most int // objects of a picture; 0 for all
}

func (d *detect) run(ctx context.Context, args []string) error {
	if err := d.settle(); err != nil {
		return err
	}
	if d.most < 0 {
		return misused(fmt.Errorf("--top-n %d: want at least 0", d.most))
	}
	return d.look.run(ctx, args, &d.device, func(ctx context.Context, b op.Backend, opts ...vision.Option) (seer, error) {
		net, err := d.load(ctx, b, opts...)
		if err != nil {
			return nil, err
		}
		return &detector{net, d.most}, nil
	})
}

// A detector is a seer of objects.
type detector struct {
	net  *vision.Detector
	most int
}

func (d *detector) ask(ctx context.Context, imgs []image.Image) ([]sight, error) {
	found, err := d.net.DetectBatch(ctx, imgs)
	if err != nil {
		return nil, err
	}
	sights := make([]sight, len(found))
	for i, f := range found {
		if d.most > 0 {
			f = f.Top(d.most)
		}
		sights[i] = detected{f}
	}
	return sights, nil
}

func (d *detector) header() string { return objectsHeader }

func (d *detector) close() error { return d.net.Close() }

// detected are the objects in a picture.
type detected struct{ *vision.Detections }

// A result is what was found in one picture, for JSON.
type result struct {
	source
	vision.Report
}

func (d detected) record(of source) any { return result{of, d.Report()} }

func (d detected) rows() []string {
	if d.Len() == 0 {
		r := row{}
		return []string{r.line()}
	}
	lines := make([]string, d.Len())
	for i, box := range d.Boxes {
		r := row{found: true, name: d.Names[i], score: float64(d.Scores[i]), area: -1}
		for j, v := range box {
			r.box[j] = float64(v)
		}
		if i < len(d.Masks) {
			r.area = d.Masks[i].Area(vision.MaskThreshold)
		}
		lines[i] = r.line()
	}
	return lines
}

func (d detected) draw(v *view) image.Image {
	instances := d.Instances()
	if v.series { // an object has the colour of its class, whatever its place among the others
		for i := range instances {
			instances[i].Colour = d.Labels[i]
		}
	}
	return picture.Overlay(v.img, instances)
}
