package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newModels(stdout io.Writer) *cobra.Command {
	inJSON := false
	cmd := &cobra.Command{
		Use:   "models",
		Short: "List the networks of torchvision that can be run, and the presets of each",
		Long: "Models lists the networks of torchvision that can be run from a state_dict, the command for each, and\n" +
			"torchvision's published weights, whose names --preset takes. Those that the tests compare with torchvision's\n" +
			"own are tested, or one that differs in width or depth only. A checkpoint of such a network with other widths,\n" +
			"depths or classes can be run too: names and shapes tell.",
		Args: exactly("models", 0, "arguments"),
		RunE: func(*cobra.Command, []string) error {
			if inJSON {
				return json.NewEncoder(stdout).Encode(models())
			}
			return writeModels(stdout, models())
		},
	}
	cmd.Flags().BoolVar(&inJSON, "json", false, "print a JSON array instead of a table")
	return cmd
}

// A model is a network of torchvision.
type model struct {
	Name    string      `json:"name"` // of torchvision's builder
	Task    vision.Task `json:"task"`
	Command string      `json:"command"` // that runs it
	Tested  bool        `json:"tested"`  // whether there is a golden of it, or of one that differs in width or depth only
	Presets []string    `json:"presets"` // torchvision's names of the weights
}

// goldenDirs are the directories of testdata that say what torchvision computes, by how the names of networks begin.
func goldenDirs() map[string]string {
	return map[string]string{
		"resnet": "resnet", "resnext": "resnet", "wide_resnet": "resnet", "mobilenet_v3": "mobilenet",
		"mobilenet_v2": "mobilenetv2", "vgg": "vgg",
		"convnext": "convnext", "vit": "vit", "maskrcnn_resnet50_fpn": "tv0292", "fasterrcnn": "rcnn",
		"keypointrcnn": "rcnn", "retinanet": "dense", "fcos": "dense", "ssd": "ssd", "fcn": "segmentation",
		"deeplabv3": "segmentation", "lraspp": "segmentation",
	}
}

// models lists the networks with their presets.
func models() []model {
	var list []model
	for _, p := range vision.Presets() {
		if last := len(list) - 1; last >= 0 && list[last].Name == p.Network {
			list[last].Presets = append(list[last].Presets, p.Name)
			continue
		}
		m := model{Name: p.Network, Task: p.Task, Command: commandOf(p.Task), Presets: []string{p.Name}}
		for beginning := range goldenDirs() {
			m.Tested = m.Tested || strings.HasPrefix(p.Network, beginning)
		}
		list = append(list, m)
	}
	return list
}

func writeModels(w io.Writer, list []model) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "NETWORK\tCOMMAND\tTESTED\tPRESETS")
	for _, m := range list {
		tested := "no"
		if m.Tested {
			tested = "yes"
		}
		for i, p := range m.Presets {
			if i == 0 {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Name, m.Command, tested, p)
			} else {
				fmt.Fprintf(t, "\t\t\t%s\n", p)
			}
		}
	}
	return t.Flush()
}
