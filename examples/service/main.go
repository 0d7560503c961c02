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

	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "address to listen on")
	model := flag.String("model", "", "checkpoint of a detector; empty: the embedded shapes network")
	queue := flag.Int("queue", 8, "requests taken on at a time; the others get status 429")
	maxBytes := flag.Int64("max-bytes", 32<<20, "largest picture, in bytes")
	var on device.Options
	flag.StringVar(&on.Name, "device", "cpu", "cpu, cuda, cuda:1 or auto, a GPU if there is one")
	flag.TextVar(&on.Precision, "precision", op.Float32, "float32, or on a GPU tf32, bfloat16 or float16")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := serve(ctx, on, *addr, *model, *queue, *maxBytes); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// serve serves until ctx ends, and then until the requests that it has are answered, but no longer than a minute.
func serve(ctx context.Context, on device.Options, addr, model string, queue int, maxBytes int64) error {
	opened, err := device.Open(on)
	if err != nil {
		return err
	}
	defer opened.Close()
	if on.Name != "cpu" {
		fmt.Fprintln(os.Stderr, "service: on", opened)
	}
	detector, err := load(ctx, opened.Backend, model, vision.WithPrecision(on.Precision))
	if err != nil {
		return err
	}
	defer detector.Close()
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
func load(ctx context.Context, on op.Backend, path string, opts ...vision.Option) (*vision.Detector, error) {
	if path != "" {
		checkpoint, err := loaders.Open(path)
		if err != nil {
			return nil, err
		}
		return vision.NewDetector(ctx, on, checkpoint, opts...)
	}
	checkpoint, err := loaders.OpenBytes(shapes.Model(), "shapes")
	if err != nil {
		return nil, err
	}
	opts = append(opts, vision.WithLabels(shapes.Labels()), vision.WithMinSize(512), vision.WithMaxSize(720))
	return vision.NewDetector(ctx, on, checkpoint, opts...)
}
