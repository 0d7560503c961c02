package main

import (
	"strings"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

// complete tells shells what the flags of all commands take. It asks no GPU and no cloud: a shell waits for it.
func complete(root *cobra.Command) {
	precisions := []string{op.Float32.String(), op.TensorFloat32.String(), op.BFloat16.String(), op.Float16.String()}
	checkpoints := []string{"pth", "pt", "bin", "safetensors", "tar", "ckpt", "json"}
	for _, cmd := range root.Commands() {
		for flag, values := range map[string][]string{
			"preset": presetsOf(cmd.Name()), "device": {"cpu", "auto", "cuda", "cuda:0", "cuda:1"}, "precision": precisions,
			"orientation": {"apply", "ignore"}, "format": {formatJSONL, formatParquet},
		} {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
			}
		}
		for _, flag := range []string{"overlay", "maps", "output"} {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.MarkFlagDirname(flag)
			}
		}
		for flag, endings := range map[string][]string{"model": checkpoints, "sidecar": {"json"}} {
			if cmd.Flags().Lookup(flag) != nil {
				_ = cmd.MarkFlagFilename(flag, endings...)
			}
		}
		switch cmd.Name() {
		case "detect", "classify", "segment":
			cmd.ValidArgsFunction = completePictures
		case "inspect":
			cmd.ValidArgsFunction = cobra.FixedCompletions(checkpoints, cobra.ShellCompDirectiveFilterFileExt)
		case "man":
			cmd.ValidArgsFunction = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		}
	}
}

// completePictures completes the names of pictures.
func completePictures(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var endings []string
	for _, e := range pictureEndings() {
		e = strings.TrimPrefix(e, ".")
		endings = append(endings, e, strings.ToUpper(e))
	}
	return endings, cobra.ShellCompDirectiveFilterFileExt
}

// presetsOf returns the presets that a command can use, of all tasks if it runs all.
func presetsOf(command string) []string {
	var names []string
	for _, p := range vision.Presets() {
		of := commandOf(p.Task)
		if command == of || command == "compare" || command == "pipeline" && p.Task == vision.Detection {
			names = append(names, p.Name)
		}
	}
	return names
}
