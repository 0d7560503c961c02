package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// A mute file system never answers.
type mute struct{}

var errMute = errors.New("mute")

func (mute) List(context.Context, string) ([]string, error)            { return nil, errMute }
func (mute) OpenRead(context.Context, string) (io.ReadCloser, error)   { return nil, errMute }
func (mute) OpenWrite(context.Context, string) (io.WriteCloser, error) { return nil, errMute }
func (mute) Close() error                                              { return nil }
func (mute) Size(ctx context.Context, _ string) (int64, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestAnswers: nobody waits for ever for a store that does not answer, and an interrupt is told as one.
func TestAnswers(t *testing.T) {
	filesystem.Register("mute", func(context.Context) filesystem.Interface { return mute{} })
	err := answers(t.Context(), "mute://a/b", time.Millisecond)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "mute://a/b: no answer in 1ms: ") {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for _, path := range []string{"mute://a/b", "nowhere://a/b", "local"} {
		if err := answers(ended, path, time.Hour); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
