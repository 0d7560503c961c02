package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write manual pages",
		Long: "Man writes a manual page for argand and for each command into the directory DIR, made if need be.\n" +
			"man -l DIR/argand.1 shows one.",
		Args: exactly("man", 1, "directory"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o777); err != nil {
				return err
			}
			root := cmd.Root()
			root.DisableAutoGenTag = true // who wrote the pages is no part of them
			header := &doc.GenManHeader{Section: "1", Source: "argand", Manual: "Argand"}
			if err := doc.GenManTree(root, header, args[0]); err != nil {
				return fmt.Errorf("man %s: %w", args[0], err)
			}
			return nil
		},
	}
}
