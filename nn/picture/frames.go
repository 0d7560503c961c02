package picture

import (
	"fmt"
	"iter"
)

// DecodeFrames returns the frames of an animated GIF in order, each with what the ones before it leave on the screen,
// as Pillow's seek and convert("RGB") give them; of a file of another format, the one picture that [Decode] gives.
// Frames are decoded as the loop asks for them, and each is a picture of its own. A loop ends after an error, which
// is a *DecodeError. o.MaxPixels bounds the pixels of all frames together.
func DecodeFrames(data []byte, o DecodeOptions) iter.Seq2[*RGB, error] {
	return func(yield func(*RGB, error) bool) {
		d := NewDecoder(o)
		f, err := d.sniff(data)
		if err != nil {
			yield(nil, err)
			return
		}
		if f.name != "GIF" {
			yield(Decode(data, o))
			return
		}
		if err := d.check(f, data); err != nil {
			yield(nil, err)
			return
		}
		screen, left := new(RGB), d.options.MaxPixels
		for err := range d.gifFrames(screen, data) {
			if left -= int64(screen.W) * int64(screen.H); err == nil && left < 0 {
				reason := fmt.Sprintf("too many pixels in its frames: limit %d", d.options.MaxPixels)
				err = &DecodeError{Format: f.name, Reason: reason}
			}
			if err != nil {
				yield(nil, f.failed(err))
				return
			}
			if !yield(FromImage(screen), nil) {
				return
			}
		}
	}
}
