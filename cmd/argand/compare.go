package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
	"github.com/spf13/cobra"
)

func newCompare(stdout, stderr io.Writer) *cobra.Command {
	c := &compare{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:   "compare --golden FILE --model FILE",
		Short: "Compare a network with what PyTorch computes, stage by stage",
		Long: "Compare runs a network on the input of a dump that benchmarks/peers/dump_golden.py has made with PyTorch,\n" +
			"and compares the result of every layer and the answer. It names the first stage that differs. The exit status\n" +
			"is 1 if one does.\n\n" +
			"A stage differs if a number is further away than --tolerance times the greatest number of the stage. Where a\n" +
			"result has a row for each proposal or object, a row needs a partner within a hundred times that, as rows are of\n" +
			"boxes that differ too, and one in fifty may have none: of two boxes that are equally good, each side may have\n" +
			"kept another. Objects have to be of the same class and overlap by 90 %, with scores 0.001 and boxes half a\n" +
			"pixel apart; one in a hundred may be alone. Of keypoints one in fifty may be more than half a pixel away.",
		Args: exactly("compare", 0, "arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd.Context()) },
	}
	c.network.addTo(cmd)
	f := cmd.Flags()
	f.StringVar(&c.file, "golden", "", "`FILE` that dump_golden.py has written")
	f.IntVar(&c.minSize, "min-size", 0, "resize pictures until the shorter side has `PIXELS` (default: the network's own)")
	f.IntVar(&c.maxSize, "max-size", 0, "but the longer side at most `PIXELS` (default: the network's own)")
	f.Float64Var(&c.tolerance, "tolerance", 1e-4, "allow a difference of `PART` of a stage's greatest number")
	f.BoolVar(&c.json, "json", false, "print one JSON object instead of a table")
	return cmd
}

// compare is the command of that name.
type compare struct {
	network
	file           string
	minSize        int // 0 for the network's own, and so maxSize
	maxSize        int
	tolerance      float64
	json           bool
	stdout, stderr io.Writer
}

// A verdict is what compare prints.
type verdict struct {
	Model  string       `json:"model"` // as recognised in the checkpoint
	Torch  string       `json:"torch"` // the model and the versions that made the golden
	Input  *answer      `json:"input,omitempty"`
	Stages []comparison `json:"stages"`
	Answer *answer      `json:"answer"`
	First  string       `json:"first,omitempty"` // what differs first
	Hints  []string     `json:"hints,omitempty"` // settings that are not the golden's
}

func (c *compare) run(ctx context.Context) error {
	if err := c.settle(); err != nil {
		return err
	}
	switch {
	case c.file == "":
		return misused(errors.New("compare takes --golden, a file that dump_golden.py has written"))
	case c.demo():
		return misused(errors.New("compare takes --model, the checkpoint that the golden was made with"))
	case c.minSize < 0 || c.minSize > largestSize || c.maxSize < 0 || c.maxSize > largestSize:
		return misused(fmt.Errorf("--min-size %d --max-size %d: want up to %d", c.minSize, c.maxSize, largestSize))
	case !(c.tolerance > 0):
		return misused(fmt.Errorf("--tolerance %v: want a number above 0", c.tolerance))
	}
	g, err := openGolden(ctx, c.file)
	if err != nil {
		return err
	}
	v, err := c.compare(ctx, g)
	if err != nil {
		return err
	}
	if c.json {
		err = json.NewEncoder(c.stdout).Encode(v)
	} else {
		err = v.write(c.stdout, c.tolerance)
	}
	if err == nil && v.First != "" {
		err = errReported
	}
	return err
}

// compare runs the network once as it is, and then for the results of its layers.
func (c *compare) compare(ctx context.Context, g *dump) (*verdict, error) {
	_, arch, err := c.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if g.Task != string(arch.Task) {
		return nil, fmt.Errorf("%s is of a network for %s, and the checkpoint is %v, for %s", c.file, g.Task, arch, arch.Task)
	}
	on, err := c.device.open(c.stderr)
	if err != nil {
		return nil, err
	}
	defer on.Close()
	x, err := g.file.Tensor("input")
	if err != nil {
		return nil, err
	}
	v := &verdict{Model: arch.String(), Torch: g.maker()}
	plain, err := c.candidate(ctx, on.Backend, g, arch.Task)
	if err != nil {
		return nil, err
	}
	defer plain.close()
	v.Hints = g.Settings.unlike(plain.settings)
	if v.Input, err = g.compareInput(plain.preprocess); err != nil {
		return nil, err
	}
	if v.Answer, err = plain.answer(ctx, x); err != nil {
		return nil, err
	}
	s := newStages(g, c.tolerance)
	for _, paths := range groups(g.Stages) {
		if err := c.tap(ctx, on.Backend, g, arch.Task, x, vision.WithTaps(s.receive, paths...)); err != nil {
			return nil, err
		}
	}
	v.Stages = s.found
	v.First = v.first()
	return v, nil
}

// tap runs the network once for the results of some of its layers.
func (c *compare) tap(
	ctx context.Context, b op.Backend, g *dump, task vision.Task, x *tensor.Tensor, tapped vision.Option,
) error {
	s, err := c.candidate(ctx, b, g, task, tapped)
	if err != nil {
		return err
	}
	_, err = s.answer(ctx, x)
	return errors.Join(err, s.close())
}

// first returns what differs first, "" if nothing does.
func (v *verdict) first() string {
	if v.Input != nil && !v.Input.Agrees {
		return "input"
	}
	for _, s := range v.Stages {
		if !s.Agrees && !s.Missing {
			return s.Path
		}
	}
	if !v.Answer.Agrees {
		return "answer"
	}
	return ""
}

// write prints a line for each stage, and what is to be concluded.
func (v *verdict) write(w io.Writer, tolerance float64) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "STAGE\tSHAPE\tGREATEST\tDIFFERENCE\t\n")
	missing := 0
	for _, s := range v.Stages {
		name, note := printable(s.Path), ""
		if s.Call > 0 {
			name += fmt.Sprintf(" (%d)", s.Call+1)
		}
		switch {
		case s.Missing:
			missing++
			fmt.Fprintf(t, "%s\t%v\t%.4g\t-\tnot here\n", name, s.Shape, s.Greatest)
			continue
		case s.Here != nil:
			fmt.Fprintf(t, "%s\t%v\t%.4g\t-\tdiffers: %v here\n", name, s.Shape, s.Greatest, s.Here)
			continue
		case !s.Agrees:
			note = "differs"
		}
		if s.Alone > 0 {
			note += fmt.Sprintf(" %d rows without partner", s.Alone)
		}
		fmt.Fprintf(t, "%s\t%v\t%.4g\t%.2g\t%s\n", name, s.Shape, s.Greatest, s.Difference, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%s beside %s\n", v.Model, v.Torch)
	if v.Input != nil {
		fmt.Fprintf(w, "input: %s\n", v.Input.What)
	}
	fmt.Fprintf(w, "answer: %s\n", v.Answer.What)
	for _, h := range v.Hints {
		fmt.Fprintf(w, "settings: %s\n", h)
	}
	if missing > 0 {
		fmt.Fprintf(w, "%d of %d stages have no counterpart here\n", missing, len(v.Stages))
	}
	var err error
	if v.First != "" {
		_, err = fmt.Fprintf(w, "The first that differs is %s.\n", printable(v.First))
	} else {
		_, err = fmt.Fprintf(w, "All agree, to %.0g of each stage's greatest number.\n", tolerance)
	}
	return err
}

// unlike says which settings of a network are not the golden's.
func (g *goldenSettings) unlike(s vision.Settings) (hints []string) {
	note := func(name string, here, there any) {
		if here != there {
			hints = append(hints, fmt.Sprintf("%s is %v here and %v there", name, here, there))
		}
	}
	if g.Eps != nil {
		note("eps", s.Eps, *g.Eps)
	}
	if g.MinSize != nil && g.MaxSize != nil && g.FixedSize == nil {
		note("the short side", s.Transform.MinSize, *g.MinSize)
		note("the long side", s.Transform.MaxSize, *g.MaxSize)
	}
	if len(g.FixedSize) == 2 {
		note("the fixed size", s.Transform.Fixed, [2]int{g.FixedSize[1], g.FixedSize[0]})
	}
	if g.Score != nil {
		note("the score threshold", s.ScoreThreshold, *g.Score)
	}
	if g.NMS != nil {
		note("the overlap of objects", s.NMSThreshold, *g.NMS)
	}
	if g.MaxDetections != nil {
		note("the greatest number of objects", s.MaxDetections, *g.MaxDetections)
	}
	return hints
}
