package picture

import (
	"bytes"
	"compress/lzw"
	"errors"
	"slices"
	"testing"
)

// TestDecodeFrames compares every frame with what Pillow's seek and convert("RGB") give.
func TestDecodeFrames(t *testing.T) {
	animated := 0
	for name, c := range tablePictures(t) {
		want := c.Frames
		if len(want) == 0 {
			want = []tableSum{{c.Size, c.SHA256}}
		} else {
			animated++
		}
		i := 0
		for p, err := range DecodeFrames(readTableFile(t, name), DecodeOptions{}) {
			switch {
			case err != nil:
				t.Errorf("%s, frame %d: %v", name, i, err)
			case i >= len(want):
				t.Errorf("%s: more than %d frames", name, len(want))
			case [2]int{p.W, p.H} != want[i].Size || shortDigest(p) != want[i].SHA256:
				t.Errorf("%s, frame %d: %d×%d with digest %s, want %v", name, i, p.W, p.H, shortDigest(p), want[i])
			}
			i++
		}
		if i < len(want) {
			t.Errorf("%s: %d frames, want %d", name, i, len(want))
		}
	}
	if animated < 5 {
		t.Errorf("only %d animated pictures", animated)
	}
}

// TestDecodeFramesErrors: the pixels of all frames together are limited, and the frames before a fault are there.
func TestDecodeFramesErrors(t *testing.T) {
	data := readTableFile(t, "frames_kept.gif")
	for _, c := range []struct {
		data []byte
		o    DecodeOptions
		good int
	}{
		{data, DecodeOptions{MaxPixels: 2 * 24 * 18}, 2},
		{data, DecodeOptions{MaxPixels: 24*18 - 1}, 0},
		{data[:len(data)-20], DecodeOptions{}, 2},
		{nil, DecodeOptions{}, 0},
	} {
		good, bad := 0, 0
		for _, err := range DecodeFrames(c.data, c.o) {
			var e *DecodeError
			switch {
			case err == nil:
				good++
			case errors.As(err, &e):
				bad++
			}
		}
		if good != c.good || bad != 1 {
			t.Errorf("%d bytes, %v: %d frames and %d errors, want %d and 1", len(c.data), c.o, good, bad, c.good)
		}
	}
}

// TestDecodeFramesBackground: a background that the palette lacks is its first colour, as in Pillow, where
//
//	im.seek(2); im.convert("RGB").tobytes()
//
// is 28323c 0a141e of these bytes.
func TestDecodeFramesBackground(t *testing.T) {
	data := []byte("GIF89a\x02\x00\x01\x00\x80\x09\x00\x0a\x14\x1e\x28\x32\x3c")
	frame := func(w, disposal byte) {
		data = append(data, '!', 0xF9, 4, disposal<<2, 0, 0, 0, 0, ',', 0, 0, 0, 0, w, 0, 1, 0, 0, 2)
		var pixels bytes.Buffer
		z := lzw.NewWriter(&pixels, lzw.LSB, 2)
		z.Write(bytes.Repeat([]byte{1}, int(w)))
		z.Close()
		data = append(append(append(data, byte(pixels.Len())), pixels.Bytes()...), 0)
	}
	frame(2, 1)
	frame(2, 2)
	frame(1, 1)
	var last []uint8
	for p, err := range DecodeFrames(data, DecodeOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		last = p.Pix
	}
	if want := []uint8{40, 50, 60, 10, 20, 30}; !slices.Equal(last, want) {
		t.Errorf("the third frame is %v, want %v", last, want)
	}
}
