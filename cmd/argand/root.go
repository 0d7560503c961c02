package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newRoot(stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "argand",
		Short: "Find things in pictures with networks trained in PyTorch, without Python",
		Long: "Find things in pictures with networks trained in PyTorch, without Python.\n\n" +
			"The exit status is\n" +
			"  0 if all is well,\n" +
			"  1 after an error, which is told in one line on stderr, and if every picture failed,\n" +
			"  2 after a mistake in the command line,\n" +
			"  3 if some pictures failed and the others are done.",
		Version:       version(),
		SilenceErrors: true, // run tells them, in one line
		SilenceUsage:  true,
		Args:          known,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("argand {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misused(err) })
	root.AddCommand(newPipeline(stdout, stderr), newDetect(stdout, stderr), newClassify(stdout, stderr),
		newSegment(stdout, stderr), newModels(stdout), newInspect(stdout, stderr), newConvert(stderr),
		newCompare(stdout, stderr), newBench(stdout, stderr), newDevices(stdout), newMan())
	help := newHelp()
	root.SetHelpCommand(help)
	root.InitDefaultCompletionCmd()
	complete(root)
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
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Root().Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	last := len(names) - 1
	return fmt.Errorf("no command %q; the commands are %s and %s", args[0], strings.Join(names[:last], ", "), names[last])
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
