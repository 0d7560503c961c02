package main

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"io"
	"slices"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newSegment(stdout, stderr io.Writer) *cobra.Command {
	s := &segment{look: look{stdout: stdout, stderr: stderr}}
	cmd := &cobra.Command{
		Use:   "segment --model FILE FILES...",
		Short: "Say what every pixel of pictures belongs to",
		Long: "Segment says what every pixel of each picture belongs to with a network for semantic segmentation, and\n" +
			"prints a table of classes and of the part of the picture that each has.\n\n" + filesHelp + "\n\n" +
			"With --maps it writes the classes of the pixels as PNG files whose samples are numbers of classes, with the\n" +
			"palette of Pascal VOC; with --overlay it lays these colours, with a legend, over a copy of each picture. With\n" +
			"--json or --jsonl it prints the pixels of each class as COCO's run lengths.\n\n" + failuresHelp,
		Args: s.look.args,
		RunE: func(cmd *cobra.Command, args []string) error { return s.run(cmd.Context(), args) },
	}
	s.network.addTo(cmd)
	s.look.addTo(cmd)
	cmd.Flags().StringVar(&s.maps, "maps", "", "write the classes of each picture's pixels as NAME.png in `DIR`")
	cmd.Flags().IntVar(&s.minSize, "min-size", 0, "resize pictures until the shorter side has `PIXELS` (default: the "+
		"network's own, 520 for most)")
	return cmd
}

// segment is the command of that name.
type segment struct {
	network
	look
	minSize int // 0 for the network's own
}

func (s *segment) run(ctx context.Context, args []string) error {
	if err := s.settleFor("segment"); err != nil {
		return err
	}
	if s.flags.Changed("min-size") && (s.minSize < 1 || s.minSize > largestSize) {
		return misused(fmt.Errorf("--min-size %d: want 1 to %d", s.minSize, largestSize))
	}
	return s.look.run(ctx, args, &s.device, func(ctx context.Context, b op.Backend, opts ...vision.Option) (seer, error) {
		if s.minSize > 0 {
			opts = append(opts, vision.WithMinSize(s.minSize))
		}
		net, err := load(ctx, b, &s.network, vision.NewSegmenter, opts...)
		if err != nil {
			return nil, err
		}
		return &segmenter{net}, nil
	})
}

// A segmenter is a seer of classes of pixels.
type segmenter struct{ net *vision.Segmenter }

func (s *segmenter) ask(ctx context.Context, imgs []image.Image) ([]sight, error) {
	maps, err := s.net.SegmentBatch(ctx, imgs)
	if err != nil {
		return nil, err
	}
	sights := make([]sight, len(maps))
	for i, m := range maps {
		sights[i] = segmented{m}
	}
	return sights, nil
}

func (s *segmenter) header() string { return "CLASS\tSHARE\t PIXELS" }

func (s *segmenter) close() error { return s.net.Close() }

// segmented are the classes of a picture's pixels.
type segmented struct{ *vision.ClassMap }

// A segmentation is that of one picture, for JSON.
type segmentation struct {
	source
	Width   int        `json:"width"`   // of the picture, in pixels
	Height  int        `json:"height"`  // of the picture, in pixels
	Classes []ofPixels `json:"classes"` // those that any pixel belongs to, the largest first
}

// ofPixels is a class that pixels belong to.
type ofPixels struct {
	Label int         `json:"label"`
	Name  string      `json:"name"`
	Share float64     `json:"share"` // of the picture's pixels, 0 to 1
	Mask  picture.RLE `json:"mask"`  // in COCO's form
}

// classes returns those that any pixel belongs to without their masks, the largest first.
func (s segmented) classes() []ofPixels {
	list := []ofPixels{}
	for label, share := range s.Shares() {
		if share > 0 {
			list = append(list, ofPixels{Label: label, Name: s.Names[label], Share: share})
		}
	}
	slices.SortStableFunc(list, func(a, b ofPixels) int { return cmp.Compare(b.Share, a.Share) })
	return list
}

func (s segmented) record(of source) any {
	r := segmentation{of, s.Width, s.Height, s.classes()}
	for i := range r.Classes {
		r.Classes[i].Mask = s.mask(r.Classes[i].Label)
	}
	return r
}

// mask returns the pixels of a class.
func (s segmented) mask(label int) picture.RLE {
	stride := (s.Width + 63) / 64
	words := make([]uint64, stride*s.Height)
	for y := range s.Height {
		row, bits := s.Classes[y*s.Width:][:s.Width], words[y*stride:][:stride]
		for x, c := range row {
			if int(c) == label {
				bits[x>>6] |= 1 << (x & 63)
			}
		}
	}
	b, err := picture.NewBitmap(s.Width, s.Height, words)
	if err != nil {
		return picture.RLE{} // cannot be: there are as many words as it wants
	}
	return b.RLE()
}

func (s segmented) rows() []string {
	var lines []string
	for _, c := range s.classes() {
		pixels := int(c.Share*float64(s.Width*s.Height) + 0.5)
		lines = append(lines, fmt.Sprintf("%s\t%.4f\t%7d", printable(c.Name), c.Share, pixels))
	}
	return lines
}

func (s segmented) draw(v *view) image.Image { return picture.OverlayMap(v.img, s.Map(), s.Names) }
