package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"io"

	"golang.org/x/image/webp"
)

func webpConfig(d []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(d)) }

// decodeWebP reads the first frame, on its whole canvas, which is black where there is no frame.
func (d *Decoder) decodeWebP(dst *RGB, data []byte) error {
	frame, err := firstWebPFrame(data)
	switch {
	case err != nil:
		return err
	case frame == nil:
		return decodeStillWebP(dst, data)
	}
	still := new(RGB)
	c, err := webp.DecodeConfig(bytes.NewReader(frame.file))
	if err != nil {
		return err
	}
	if frame.x+c.Width > frame.w || frame.y+c.Height > frame.h {
		return errors.New("webp: a frame outside of its canvas")
	}
	if err := decodeStillWebP(still, frame.file); err != nil {
		return err
	}
	dst.reset(frame.w, frame.h)
	clear(dst.Pix)
	for y := range still.H {
		copy(dst.row(frame.y + y)[3*frame.x:], still.row(y))
	}
	return nil
}

func decodeStillWebP(dst *RGB, data []byte) error {
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	switch m := m.(type) {
	case *image.YCbCr:
		fromVP8(dst, m)
	case *image.NYCbCrA:
		fromVP8(dst, &m.YCbCr)
	default:
		fromImage(dst, m)
	}
	return nil
}

// fromVP8 converts the planes of a lossy WebP as libwebp does. VP8 planes are 4:2:0 like a JPEG's, but their luma runs
// from 16 to 235 and libwebp has a triangle filter and constants of its own (dsp/upsampling.c, dsp/yuv.h); Go's
// YCbCr.At treats them as a JPEG's and shows them pale.
func fromVP8(p *RGB, m *image.YCbCr) {
	p.reset(m.Rect.Dx(), m.Rect.Dy())
	if p.W == 0 || p.H == 0 {
		return
	}
	cw, ch := (p.W+1)/2, (p.H+1)/2
	us, vs := make([]uint8, p.W), make([]uint8, p.W)
	for y := range p.H {
		near := y / 2
		far := min(max(near+2*(y&1)-1, 0), ch-1)
		for _, plane := range []struct{ src, dst []uint8 }{{m.Cb, us}, {m.Cr, vs}} {
			upsampleVP8(plane.dst, plane.src[near*m.CStride:][:cw], plane.src[far*m.CStride:][:cw])
		}
		convertVP8Row(p.row(y), m.Y[y*m.YStride:][:p.W], us, vs)
	}
}

// upsampleVP8 makes a chroma row with weights 9, 3, 3, 1 of 16. The filter is computed through two averages that lose
// their last bit, as libwebp's is, so it is not the plain rounded sum.
func upsampleVP8(dst, near, far []uint8) {
	for x := range dst {
		c := x / 2
		if x == 0 || (x == len(dst)-1 && x&1 == 1) {
			dst[x] = uint8((3*int(near[c]) + int(far[c]) + 2) >> 2)
			continue
		}
		next := c + 2*(x&1) - 1
		a, b := int(near[c]), int(near[next]) // the row of this pixel
		d, e := int(far[c]), int(far[next])   // the other row
		diagonal := (a + b + d + e + 8 + 2*(b+d)) >> 3
		dst[x] = uint8((diagonal + a) >> 1)
	}
}

func convertVP8Row(dst, luma, us, vs []uint8) {
	for x, l := range luma {
		y, u, v := int32(l)*19077>>8, int32(us[x]), int32(vs[x])
		d := dst[3*x : 3*x+3 : 3*x+3]
		d[0] = clamp8((y + v*26149>>8 - 14234) >> 6)
		d[1] = clamp8((y - u*6419>>8 - v*13320>>8 + 8708) >> 6)
		d[2] = clamp8((y + u*33050>>8 - 17685) >> 6)
	}
}

// A webpFrame is the first frame of an animated file, as a file of its own, and where it lies on the canvas.
type webpFrame struct {
	file       []byte
	x, y, w, h int // w and h are the canvas's
}

// firstWebPFrame returns the first frame of an animated WebP, and nil for one that is not animated.
func firstWebPFrame(d []byte) (*webpFrame, error) {
	const (
		riff, header = 12, 8 // what precedes the chunks, and what precedes a chunk's body
		animated     = 1 << 1
		frameHeader  = 16
	)
	u24 := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	name, body, rest := nextRIFF(d[riff:])
	if name != "VP8X" || len(body) < 10 || body[0]&animated == 0 {
		return nil, nil
	}
	f := &webpFrame{w: u24(body[4:]) + 1, h: u24(body[7:]) + 1}
	for name != "ANMF" {
		if name, body, rest = nextRIFF(rest); name == "" {
			return nil, errors.New("webp: an animation without frames")
		}
	}
	if len(body) < frameHeader {
		return nil, io.ErrUnexpectedEOF
	}
	f.x, f.y = 2*u24(body), 2*u24(body[3:])
	w, h := body[6:9], body[9:12]
	if f.x+u24(w)+1 > f.w || f.y+u24(h)+1 > f.h {
		return nil, errors.New("webp: a frame outside of its canvas")
	}
	chunks := body[frameHeader:]
	if name, _, _ := nextRIFF(chunks); name == "ALPH" { // asks for an extended header
		extended := append([]byte("VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"), w...)
		chunks = append(append(extended, h...), chunks...)
	}
	f.file = binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(chunks)+4))
	f.file = append(append(f.file, "WEBP"...), chunks...)
	return f, nil
}

// nextRIFF splits a chunk off data; name is "" if there is none.
func nextRIFF(data []byte) (name string, body, rest []byte) {
	if len(data) < 8 {
		return "", nil, nil
	}
	n := int64(binary.LittleEndian.Uint32(data[4:]))
	if n > int64(len(data))-8 {
		return "", nil, nil
	}
	return string(data[:4]), data[8 : 8+n], data[min(8+n+n&1, int64(len(data))):]
}
