package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/container/tools"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/util/grpcx"
)

// serveWorker turns the process into a worker, and never returns, if a Beam runner started it as one. Runners know
// nothing of our commands. They start workers in two ways:
//
//   - A container's boot program runs the staged binary with --worker=true and Beam's other worker flags.
//   - A runner with --environment_type=PROCESS runs the configured command with --id and --provision_endpoint and
//     expects it to be such a boot program. To spare users a script, argand is its own: it asks the runner for the
//     other endpoints and goes on as in the first case.
func serveWorker(args []string) {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return
	}
	if asked, ok := lookFlag(args, "worker"); ok && isTrue(asked) {
		_ = flag.CommandLine.Parse(args) // exits after an error
		work()
	}
	endpoint, ok := lookFlag(args, "provision_endpoint")
	if !ok {
		return
	}
	id, _ := lookFlag(args, "id")
	id = strings.Trim(id, "'") // prism quotes it as if for a shell
	if err := provision(id, endpoint); err != nil {
		fmt.Fprintln(os.Stderr, "argand: worker "+id+": "+oneLine(err.Error()))
		os.Exit(1)
	}
	work()
}

// work is a worker's life. What Beam prints on the way is for people and not a part of the output that the submitting
// process, from which a worker of the same machine inherits it, writes to stdout.
func work() {
	os.Stdout = os.Stderr
	beam.Init()
}

// provision sets Beam's worker flags to what the runner at endpoint says.
func provision(id, endpoint string) error {
	ctx, cancel := context.WithTimeout(grpcx.WriteWorkerID(context.Background(), id), time.Minute)
	defer cancel()
	info, err := tools.ProvisionInfo(ctx, endpoint)
	if err != nil {
		return fmt.Errorf("asking %s for its endpoints: %w", endpoint, err)
	}
	options, err := tools.ProtoToJSON(info.GetPipelineOptions())
	if err != nil {
		return fmt.Errorf("pipeline options: %w", err)
	}
	flags := [][2]string{
		{"worker", "true"}, {"id", id}, {"options", options},
		{"logging_endpoint", info.GetLoggingEndpoint().GetUrl()},
		{"control_endpoint", info.GetControlEndpoint().GetUrl()},
	}
	for _, f := range flags {
		if err := flag.Set(f[0], f[1]); err != nil {
			return fmt.Errorf("flag %s: %w", f[0], err)
		}
	}
	return nil
}

// lookFlag returns the value of a flag among args as Go's flag package would read it: -name=value, --name=value,
// or --name value; a lone --name counts as "true".
func lookFlag(args []string, name string) (string, bool) {
	for i, a := range args {
		trimmed := strings.TrimPrefix(strings.TrimPrefix(a, "-"), "-")
		if trimmed == a {
			continue
		}
		if key, value, ok := strings.Cut(trimmed, "="); ok && key == name {
			return value, true
		}
		if trimmed != name {
			continue
		}
		if i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			return args[i+1], true
		}
		return "true", true
	}
	return "", false
}

func isTrue(s string) bool {
	ok, err := strconv.ParseBool(s)
	return ok && err == nil
}
