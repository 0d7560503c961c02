package main

import (
	"fmt"
	"io"
	"runtime"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/kernels"
	"github.com/spf13/cobra"
)

func newDevices(stdout io.Writer) *cobra.Command {
	var o cuda.Options
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "Show what networks can run on, and what was tried to find a GPU",
		Long: "Devices shows the CPU and the GPUs of this machine, with the kernels chosen for the CPU. " +
			"Commands run networks\n" +
			"on the CPU unless --device says otherwise. Without a GPU it says where its driver was looked for.",
		Args: exactly("devices", 0, "arguments"),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(stdout, "%s, %d cores\n%v", kernels.CPU().Name(), runtime.GOMAXPROCS(0), cuda.Probe(o))
			return err
		},
	}
	addDriver(cmd.Flags(), &o.Driver)
	return cmd
}
