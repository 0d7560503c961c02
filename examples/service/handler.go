package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"net/http"
	"time"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// detectFunc is the method Detect of a vision.Detector, or a test's stand-in.
type detectFunc func(context.Context, image.Image) (*vision.Detections, error)

// A handler answers POST / with what detect finds in the body.
type handler struct {
	detect   detectFunc
	maxBytes int64
	patience time.Duration // for a client to read its answer
	queue    chan struct{} // holds a token for every request taken on
	turn     chan struct{} // holds a token while a picture is worked on: one picture uses all cores
}

func newHandler(detect detectFunc, queue int, maxBytes int64) http.Handler {
	h := &handler{detect, maxBytes, time.Minute, make(chan struct{}, max(queue, 1)), make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", h.serve)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "ok, %d of %d in the queue\n", len(h.queue), cap(h.queue))
	})
	return mux
}

// serve takes a place in the queue before it reads the body, so that the queue bounds the memory too.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	select {
	case h.queue <- struct{}{}:
		defer func() { <-h.queue }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the queue is full", http.StatusTooManyRequests)
		return
	}
	found, err := h.find(r.Context(), http.MaxBytesReader(w, r.Body, h.maxBytes))
	// A client that does not read its answer must not keep its place for ever.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(h.patience))
	switch {
	case r.Context().Err() != nil:
		// The client has gone; nobody would read an answer.
	case err != nil:
		http.Error(w, err.Error(), status(err))
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(found) // fails only if the client has gone
	}
}

// find decodes the picture in body and, when it is its turn, looks for objects in it.
func (h *handler) find(ctx context.Context, body io.Reader) (*vision.Report, error) {
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, &readError{err}
	}
	img, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		return nil, err
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	found, err := h.detect(ctx, img)
	if err != nil {
		return nil, err
	}
	report := found.Report()
	return &report, nil
}

// A readError is a body that could not be read to its end.
type readError struct{ err error }

func (e *readError) Error() string { return "reading the picture: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// status returns the HTTP status for an error of find.
func status(err error) int {
	var (
		large *http.MaxBytesError
		read  *readError
		bad   *picture.DecodeError
	)
	switch {
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge
	case errors.As(err, &read):
		return http.StatusBadRequest
	case errors.As(err, &bad) && bad.Format == "":
		return http.StatusUnsupportedMediaType
	case errors.As(err, &bad):
		return http.StatusBadRequest
	}
	return http.StatusInternalServerError
}
