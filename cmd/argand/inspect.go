package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newInspect(stdout io.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "List the tensors of a checkpoint and name its architecture",
		Long: "Inspect lists the tensors of a PyTorch or safetensors checkpoint in the order of the file, without " +
			"running anything in it.\nKeys of nested dictionaries are joined by dots.",
		Args: exactly("inspect", 1, "checkpoint file"),
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := inspect(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(stdout).Encode(report)
			}
			return report.write(stdout)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object instead of a table")
	return cmd
}

// A report is what inspect tells of a checkpoint.
type report struct {
	Tensors      []tensorReport `json:"tensors"`
	Architecture string         `json:"architecture"` // empty if none is recognised
	summary      string         // Architecture with its sizes
	format       string
	ignored      []string
}

// A tensorReport is one tensor of a report.
type tensorReport struct {
	Key   string `json:"key"`
	DType string `json:"dtype"` // PyTorch's name, "float32"
	Shape []int  `json:"shape"` // empty for a scalar
	Bytes int64  `json:"bytes"` // of the elements, 0 for types that no tensor here can hold
}

func inspect(path string) (*report, error) {
	c, err := loaders.Open(path)
	if err != nil {
		return nil, err
	}
	r := &report{Tensors: []tensorReport{}, format: c.Format(), ignored: c.Ignored()}
	for _, key := range c.Keys() {
		info, _ := c.Info(key)
		r.Tensors = append(r.Tensors, tensorReport{key, info.Type, append([]int{}, info.Shape...), info.Bytes})
	}
	a, err := vision.Recognize(c)
	r.Architecture, r.summary = a.Name, a.String()
	if err != nil && a.Name != "" {
		r.summary += ", which this version cannot run"
	}
	return r, nil
}

func (r *report) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KEY\tDTYPE\tSHAPE\tBYTES")
	var bytes int64
	elements := 0
	for _, x := range r.Tensors {
		dims, n := make([]string, len(x.Shape)), 1
		for i, d := range x.Shape {
			dims[i] = fmt.Sprint(d)
			n *= d
		}
		fmt.Fprintf(t, "%s\t%s\t(%s)\t%d\n", printable(x.Key), x.DType, strings.Join(dims, ", "), x.Bytes)
		bytes += x.Bytes
		elements += n
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d tensors, %d elements, %d bytes; %s\n", len(r.Tensors), elements, bytes, r.format)
	if len(r.ignored) > 0 {
		fmt.Fprintf(w, "not tensors: %s\n", printable(strings.Join(r.ignored, ", ")))
	}
	_, err := fmt.Fprintf(w, "architecture: %s\n", cmp.Or(r.summary, "not recognised"))
	return err
}
