package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/s3" // s3://; beamx links gs://
)

func main() {
	quietS3()
	serveWorker(os.Args[1:])
	beam.Init()
	setBeamLog(os.Stderr, false) // of its clients of object stores, too
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	writing.Lock()
	os.Exit(status)
}

// quietS3 keeps the client of S3 from writing a line to stderr for each object that has no checksum of the whole, as
// those uploaded in parts, unless the environment says otherwise. It has no other way of being told.
func quietS3() {
	const name = "AWS_RESPONSE_CHECKSUM_VALIDATION"
	if _, given := os.LookupEnv(name); !given {
		_ = os.Setenv(name, "when_required")
	}
}

// errReported is the error of a command that has already said what went wrong.
var errReported = errors.New("already reported")

// run runs one command line and returns the exit status: 0, 1 after an error, 2 after a mistake in the command line, or
// 3 if some pictures failed and others did not. Errors are told in one line on stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd := newRoot(stdout, stderr)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
		slog.SetDefault(slog.New(slog.DiscardHandler)) // what the runner says of it while it ends is no news
	}
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintln(stderr, "argand: "+oneLine(err.Error()))
	}
	_, wrong := errors.AsType[*misuse](err)
	_, some := errors.AsType[*partial](err)
	switch {
	case wrong:
		return 2
	case some:
		return 3
	case err != nil:
		return 1
	}
	return 0
}

// oneLine folds an error text that spans lines, such as a joined error, into one.
func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}
