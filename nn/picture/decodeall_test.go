package picture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
)

// TestDecodeAll: pictures come in order, and those that cannot be read or decoded leave the others alone.
func TestDecodeAll(t *testing.T) {
	names := decodeCases(t)
	lost := errors.New("lost")
	read := func(_ context.Context, i int) ([]byte, error) {
		switch i % 5 {
		case 2:
			return nil, lost
		case 4:
			return readFile(t, "decode", names[i])[:20], nil
		}
		return readFile(t, "decode", names[i]), nil
	}
	i := 0
	for p, err := range DecodeAll(t.Context(), len(names), read, DecodeOptions{}) {
		var e *DecodeError
		switch {
		case i%5 == 2 && err != lost, i%5 == 4 && !errors.As(err, &e):
			t.Errorf("picture %d: %v", i, err)
		case i%5 != 2 && i%5 != 4:
			want, _ := Decode(readFile(t, "decode", names[i]), DecodeOptions{})
			if err != nil || !slices.Equal(p.Pix, want.Pix) {
				t.Errorf("picture %d is another, %v", i, err)
			}
		}
		i++
	}
	if i != len(names) {
		t.Errorf("%d of %d pictures", i, len(names))
	}
	for range DecodeAll(t.Context(), 0, read, DecodeOptions{}) {
		t.Error("a picture of none")
	}
}

// TestDecodeAllLeaves: nothing runs on when the loop is left or the context ends, and no more is read than allowed.
func TestDecodeAllLeaves(t *testing.T) {
	data := readFile(t, "decode", "rgb.png")
	var running, reads atomic.Int64
	read := func(context.Context, int) ([]byte, error) {
		running.Add(1)
		defer running.Add(-1)
		reads.Add(1)
		return data, nil
	}
	for _, err := range DecodeAll(t.Context(), 1000, read, DecodeOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if n := running.Load(); n != 0 {
		t.Errorf("%d calls still run", n)
	}
	if n := reads.Load(); n > 100 {
		t.Errorf("%d pictures read for one", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, ended := 0, 0
	for _, err := range DecodeAll(ctx, 1000, read, DecodeOptions{}) {
		if n++; n == 3 {
			cancel()
		}
		if errors.Is(err, context.Canceled) {
			ended++
		}
	}
	if n != 1000 || ended < 800 {
		t.Errorf("%d results, %d of them ended", n, ended)
	}
}

// TestDecodeAllPanics: what goes wrong in the caller's own function is his to recover from, after the pictures before.
func TestDecodeAllPanics(t *testing.T) {
	data := readFile(t, "decode", "rgb.png")
	for _, c := range []struct {
		fail func()
		want string
	}{
		{func() { panic("lost") }, "lost"},
		{runtime.Goexit, "picture: what reads a picture for DecodeAll has ended its goroutine"},
	} {
		good := 0
		func() {
			defer func() {
				if r := recover(); r != c.want {
					t.Errorf("recovered %v, want %q", r, c.want)
				}
			}()
			read := func(_ context.Context, i int) ([]byte, error) {
				if i >= 3 {
					c.fail()
				}
				return data, nil
			}
			for range DecodeAll(t.Context(), 100, read, DecodeOptions{}) {
				good++
			}
		}()
		if good != 3 {
			t.Errorf("%d pictures before it, want 3", good)
		}
	}
}

func ExampleDecodeAll() {
	files := [][]byte{[]byte("BMW makes cars"), nil}
	read := func(_ context.Context, i int) ([]byte, error) { return files[i], nil }
	i := 0
	for p, err := range DecodeAll(context.Background(), len(files), read, DecodeOptions{}) {
		fmt.Println(i, p, err)
		i++
	}
	// Output:
	// 0 <nil> picture: BMP: its header cannot be read: unexpected EOF
	// 1 <nil> picture: no bytes
}
