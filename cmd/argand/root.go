package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:           "argand",
		Short:         "Find things in pictures with networks trained in PyTorch, without Python",
		Version:       version(),
		SilenceErrors: true, // run tells them, in one line
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("no command %q; the commands are bench, convert, detect, inspect and pipeline", args[0])
			}
			return cmd.Help()
		},
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("argand {{.Version}}\n")
	root.AddCommand(newPipeline(stdout, stderr), newDetect(stdout, stderr), newInspect(stdout, stderr),
		newConvert(stderr), newBench(stdout))
	return root
}

// exactly returns a check for n arguments of a kind.
func exactly(command string, n int, kind string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %d %s, got %d", command, n, kind, len(args))
		}
		return nil
	}
}
