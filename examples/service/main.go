package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/vision"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	model := flag.String("model", "", "checkpoint of a detector; empty: the embedded shapes network")
	queue := flag.Int("queue", 8, "requests taken on at a time; the others get status 429")
	maxBytes := flag.Int64("max-bytes", 32<<20, "largest picture, in bytes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := serve(ctx, *addr, *model, *queue, *maxBytes); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// serve serves until ctx ends, and then until the requests that it has are answered, but no longer than a minute.
func serve(ctx context.Context, addr, model string, queue int, maxBytes int64) error {
	detector, err := load(ctx, model)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	server := &http.Server{
		Handler:           newHandler(detector.Detect, queue, maxBytes),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	fmt.Println("draining")
	grace, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		return errors.Join(fmt.Errorf("requests left unanswered: %w", err), server.Close())
	}
	return nil
}

// load opens the checkpoint at path, or the embedded network if path is empty.
func load(ctx context.Context, path string) (*vision.Detector, error) {
	if path != "" {
		checkpoint, err := loaders.Open(path)
		if err != nil {
			return nil, err
		}
		return vision.NewDetector(ctx, kernels.CPU(), checkpoint)
	}
	checkpoint, err := loaders.OpenBytes(shapes.Model(), "shapes")
	if err != nil {
		return nil, err
	}
	return vision.NewDetector(ctx, kernels.CPU(), checkpoint,
		vision.WithLabels(shapes.Labels()), vision.WithMinSize(512), vision.WithMaxSize(720))
}
