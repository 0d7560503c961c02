package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func tinyPNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 5, 3))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// oneSquare stands in for a network: it finds the picture's left half.
func oneSquare(_ context.Context, img image.Image) (*vision.Detections, error) {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	box := [4]float32{0, 0, float32(w) / 2, float32(h)}
	mask := picture.Mask{Probs: []float32{1, 1, 1, 1}, Size: 2, Box: box, W: w, H: h}
	return &vision.Detections{Width: w, Height: h, Boxes: [][4]float32{box}, Labels: []int{2},
		Names: []string{"square"}, Scores: []float32{0.75}, Masks: []picture.Mask{mask}}, nil
}

func post(t *testing.T, url string, body []byte) (int, http.Header, string) {
	t.Helper()
	r, err := http.Post(url, "application/octet-stream", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(text)
}

func TestAnswer(t *testing.T) {
	server := httptest.NewServer(newHandler(oneSquare, 1, 1<<20))
	defer server.Close()
	code, header, text := post(t, server.URL, tinyPNG(t))
	if code != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d, type %q: %s", code, header.Get("Content-Type"), text)
	}
	var got struct {
		Width, Height int
		Detections    []struct {
			Box   [4]float32
			Label int
			Name  string
			Score float32
			Mask  picture.RLE
		}
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if got.Width != 5 || got.Height != 3 || len(got.Detections) != 1 {
		t.Fatalf("got %+v", got)
	}
	if o := got.Detections[0]; o.Box != [4]float32{0, 0, 2.5, 3} || o.Label != 2 || o.Name != "square" || o.Score != 0.75 {
		t.Errorf("got %+v", o)
	}
	mask, err := got.Detections[0].Mask.Decode()
	if err != nil || mask.W != 5 || mask.H != 3 || mask.Area() == 0 {
		t.Errorf("mask %+v, %v", mask, err)
	}
}

func TestRefusals(t *testing.T) {
	broken := func(context.Context, image.Image) (*vision.Detections, error) { return nil, errors.New("out of order") }
	const limit = 1000
	good := tinyPNG(t)
	for _, c := range []struct {
		name   string
		detect detectFunc
		body   []byte
		status int
		text   string
	}{
		{"text", oneSquare, []byte("hello"), http.StatusUnsupportedMediaType, "not a picture"},
		{"empty", oneSquare, nil, http.StatusUnsupportedMediaType, "no bytes"},
		{"truncated", oneSquare, good[:len(good)-20], http.StatusBadRequest, "PNG"},
		{"too large", oneSquare, make([]byte, limit+1), http.StatusRequestEntityTooLarge, "too large"},
		{"broken network", broken, good, http.StatusInternalServerError, "out of order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(newHandler(c.detect, 1, limit))
			defer server.Close()
			code, _, text := post(t, server.URL, c.body)
			if code != c.status || !strings.Contains(text, c.text) {
				t.Errorf("status %d: %q; want %d: …%s…", code, text, c.status, c.text)
			}
		})
	}
}

func TestMethodsAndHealth(t *testing.T) {
	server := httptest.NewServer(newHandler(oneSquare, 3, 1000))
	defer server.Close()
	for path, want := range map[string]int{"/": 405, "/nothing": 404, "/healthz": 200} {
		r, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("GET %s: status %d: %s; want %d", path, r.StatusCode, text, want)
		}
		if path == "/healthz" && string(text) != "ok, 0 of 3 in the queue\n" {
			t.Errorf("healthz says %q", text)
		}
	}
}

// TestQueue fills the queue with a picture in work and one waiting, and then lets both end.
func TestQueue(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context, img image.Image) (*vision.Detections, error) {
		started <- struct{}{}
		<-release
		return oneSquare(ctx, img)
	}
	server := httptest.NewServer(newHandler(slow, 2, 1<<20))
	defer server.Close()
	codes := make(chan int, 2)
	body := tinyPNG(t)
	send := func() {
		code, _, _ := post(t, server.URL, body)
		codes <- code
	}
	go send()
	<-started
	go send()
	waitFor(t, func() bool { return health(t, server.URL) == "ok, 2 of 2 in the queue\n" })
	code, header, _ := post(t, server.URL, body)
	if code != http.StatusTooManyRequests || header.Get("Retry-After") == "" {
		t.Errorf("third request: status %d, Retry-After %q; want 429 and a time", code, header.Get("Retry-After"))
	}
	release <- struct{}{}
	<-started
	release <- struct{}{}
	for range 2 {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("status %d of a request in the queue, want 200", code)
		}
	}
	waitFor(t, func() bool { return health(t, server.URL) == "ok, 0 of 2 in the queue\n" })
}

// TestClientGone gives up two requests, one in work and one that waits its turn: neither is worked on any more.
func TestClientGone(t *testing.T) {
	started, ended := make(chan struct{}, 2), make(chan error, 2)
	slow := func(ctx context.Context, _ image.Image) (*vision.Detections, error) {
		started <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}
	server := httptest.NewServer(newHandler(slow, 2, 1<<20))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	body := tinyPNG(t)
	done := make(chan struct{}, 2)
	send := func() {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
		} else if _, err = http.DefaultClient.Do(r); !errors.Is(err, context.Canceled) {
			t.Errorf("request ended with %v, want it cancelled", err)
		}
		done <- struct{}{}
	}
	go send()
	<-started
	go send()
	waitFor(t, func() bool { return health(t, server.URL) == "ok, 2 of 2 in the queue\n" })
	cancel()
	<-done
	<-done
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the network's context ended with %v", err)
	}
	waitFor(t, func() bool { return health(t, server.URL) == "ok, 0 of 2 in the queue\n" })
}

// TestClientDoesNotRead wants the place back of a client that never reads its answer, which fits in no buffer.
func TestClientDoesNotRead(t *testing.T) {
	huge := func(_ context.Context, img image.Image) (*vision.Detections, error) {
		found, err := oneSquare(t.Context(), img)
		found.Names[0] = strings.Repeat("x", 32<<20)
		return found, err
	}
	h := &handler{huge, 1 << 20, 50 * time.Millisecond, make(chan struct{}, 1), make(chan struct{}, 1)}
	served := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		h.serve(w, r)
	}))
	defer server.Close()
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	body := tinyPNG(t)
	request := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	if _, err := io.WriteString(client, request); err != nil {
		t.Fatal(err)
	}
	select {
	case <-served:
	case <-time.After(20 * time.Second):
		t.Fatal("the answer is still being written")
	}
}

func health(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !what(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}
