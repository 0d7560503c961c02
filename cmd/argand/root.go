package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "argand",
		Short: "Find things in pictures with networks trained in PyTorch, without Python",
		Long: "Find things in pictures with networks trained in PyTorch, without Python.\n\n" +
			"The exit status is 0, 1 after an error, or 2 after a mistake in the command line.",
		Version:       version(),
		SilenceErrors: true, // run tells them, in one line
		SilenceUsage:  true,
		Args:          known,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },

		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("argand {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused(err) })
	root.AddCommand(newPipeline(stdout, stderr), newDetect(stdout, stderr), newInspect(stdout, stderr),
		newConvert(stderr), newBench(stdout, stderr), newDevices(stdout),
		newCompare(stdout, stderr))
	help := newHelp()
	root.SetHelpCommand(help)
	for _, cmd := range append(root.Commands(), root, help) {
		check := cmd.Args
		cmd.Args = func(cmd *cobra.Command, args []string) error { return misused(check(cmd, args)) }
	}
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show how to use a command",
		Args: func(cmd *cobra.Command, args []string) error {
			_, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			return known(cmd, rest)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			return about.Help()
		},
	}
}

// known refuses arguments that should have been a command.
func known(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("no command %q; the commands are bench, compare, convert, detect, devices, inspect and pipeline",
			args[0])
	}
	return nil
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

// A misuse is a mistake that the command line alone shows.
type misuse struct{ Err error }

func (e *misuse) Error() string { return e.Err.Error() }
func (e *misuse) Unwrap() error { return e.Err }

// misused makes a misuse of an error, if there is one.
func misused(err error) error {
	if err == nil {
		return nil
	}
	return &misuse{err}
}
