package picture

import (
	"fmt"
	"image"
)

// maxRLEPixels bounds what RLE.Decode makes of a few bytes: 2^30 pixels are 128 MiB of bits. A row takes whole words,
// so one of W pixels counts as ⌈W/64⌉·64.
const maxRLEPixels = 1 << 30

// An RLE is a set of pixels of an H×W picture in COCO's compressed run-length code, byte for byte as pycocotools writes
// it. The runs go down the columns, from left to right, and alternate between pixels outside and inside the set,
// beginning outside. In JSON it is {"size":[H,W],"counts":"…"}.
type RLE struct {
	H, W   int    // H and W are the picture's height and width.
	Counts string // Counts are the runs as printable numbers of base 32, as COCO's rleToString writes them.
}

// RLE returns the set as COCO's run-length code.
func (b *Bitmap) RLE() RLE {
	var runs []int
	end, inside := 0, false // position after the last change, and what comes after it
	change := func(at int) {
		runs = append(runs, at-end)
		end, inside = at, !inside
	}
	for x := b.rect.Min.X; x < b.rect.Max.X; x++ {
		word, shift := (x-b.rect.Min.X)>>6, (x-b.rect.Min.X)&63
		if inside && b.rect.Min.Y > 0 {
			change(x * b.H) // the column before reached the picture's bottom
		}
		for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
			if (b.words[(y-b.rect.Min.Y)*b.stride+word]>>shift&1 == 1) != inside {
				change(x*b.H + y)
			}
		}
		if inside && b.rect.Max.Y < b.H {
			change(x*b.H + b.rect.Max.Y)
		}
	}
	if inside && b.rect.Max.X < b.W {
		change(b.rect.Max.X * b.H)
	}
	runs = append(runs, b.W*b.H-end)
	return RLE{H: b.H, W: b.W, Counts: countsOf(runs)}
}

// countsOf writes each run, from the fourth on less the run two before it, in groups of five bits, lowest first: bit 32
// says that more groups follow, bit 16 of the last group is the sign, and 48 is added to make it printable.
func countsOf(runs []int) string {
	var s []byte
	for i, x := range runs {
		if i > 2 {
			x -= runs[i-2]
		}
		for more := true; more; {
			c := byte(x & 31)
			x >>= 5
			more = (c&16 == 0 && x != 0) || (c&16 != 0 && x != -1)
			if more {
				c |= 32
			}
			s = append(s, c+48)
		}
	}
	return string(s)
}

// Area returns the number of pixels in the set without decoding it, and Decode's errors.
func (r RLE) Area() (int, error) {
	runs, err := r.runs()
	area := 0
	for i := 1; i < len(runs); i += 2 {
		area += runs[i]
	}
	return area, err
}

func (r RLE) checkSize() error {
	const word = 64
	if r.H < 0 || r.W < 0 || r.W > maxRLEPixels || r.W > 0 && r.H > maxRLEPixels/(ceilDiv(r.W, word)*word) {
		return fmt.Errorf("picture: size %d×%d (H×W) of a mask is negative, or its bits take over 128 MiB", r.H, r.W)
	}
	return nil
}

// runs reads Counts. Each run is at least 0 and their sum is exactly H×W, or there is an error.
func (r RLE) runs() ([]int, error) {
	if err := r.checkSize(); err != nil {
		return nil, err
	}
	const tooLong = 10 // groups: 50 bits are more than any difference of runs needs
	var runs []int
	left := r.H * r.W
	for at := 0; at < len(r.Counts); {
		x, begin := 0, at
		for more := true; more; at++ {
			if at == len(r.Counts) {
				return nil, fmt.Errorf("picture: RLE: counts end within the number at byte %d", begin)
			}
			c := int(r.Counts[at]) - 48
			if c < 0 || c > 63 {
				return nil, fmt.Errorf("picture: RLE: byte %#02x at %d of counts is no digit", r.Counts[at], at)
			}
			group := at - begin
			if group == tooLong {
				return nil, fmt.Errorf("picture: RLE: the number at byte %d of counts is too long", begin)
			}
			x |= (c & 31) << (5 * group)
			more = c&32 != 0
			if !more && c&16 != 0 {
				x |= -1 << (5 * (group + 1))
			}
		}
		if n := len(runs); n > 2 {
			x += runs[n-2]
		}
		if x < 0 || x > left {
			const text = "picture: RLE: run %d at byte %d of counts is %d, but 0 to %d fit"
			return nil, fmt.Errorf(text, len(runs), begin, x, left)
		}
		left -= x
		runs = append(runs, x)
	}
	if left != 0 {
		return nil, fmt.Errorf("picture: RLE: the runs miss %d of %d×%d pixels", left, r.H, r.W)
	}
	return runs, nil
}

// Decode returns the pixels that the code describes. It returns an error, and never panics, if Counts is not such a
// code, if its runs do not fill H×W exactly, or if there are more than 2^30 pixels, where a row's number is rounded up
// to the next multiple of 64.
func (r RLE) Decode() (*Bitmap, error) {
	runs, err := r.runs()
	if err != nil {
		return nil, err
	}
	return bitmapOfRuns(runs, r.W, r.H), nil
}

// bitmapOfRuns returns the pixels of every second run; the runs fill w×h pixels.
func bitmapOfRuns(runs []int, w, h int) *Bitmap {
	b := newBitmap(boundsOf(runs, h), w, h)
	b.setRuns(runs)
	return b
}

// setRuns sets the pixels of every second run, which lie inside b's bounds.
func (b *Bitmap) setRuns(runs []int) {
	at := 0
	for i, n := range runs {
		if i&1 == 1 && n > 0 {
			b.setRun(at, at+n, b.H)
		}
		at += n
	}
}

// setRun sets the pixels from … to-1, counted down the columns of h pixels. Whole columns are set row by row: few bytes
// may ask for very many.
func (b *Bitmap) setRun(from, to, h int) {
	first, last := ceilDiv(from, h), to/h // the columns first … last-1 are whole
	if first > last {                     // all in one column
		b.setColumn(to/h, from%h, to%h)
		return
	}
	if from%h > 0 {
		b.setColumn(first-1, from%h, h)
	}
	if to%h > 0 {
		b.setColumn(last, 0, to%h)
	}
	if first < last {
		for y := range h {
			row := b.row(y)
			for x := first - b.rect.Min.X; x < last-b.rect.Min.X; x = x&^63 + 64 {
				bits := ^uint64(0) << (x & 63)
				if end := last - b.rect.Min.X - x&^63; end < 64 {
					bits &= 1<<end - 1
				}
				row[x>>6] |= bits
			}
		}
	}
}

// setColumn sets the pixels from … to-1 of column x.
func (b *Bitmap) setColumn(x, from, to int) {
	x -= b.rect.Min.X
	at, bit := (from-b.rect.Min.Y)*b.stride+x>>6, uint64(1)<<(x&63)
	for range to - from {
		b.words[at] |= bit
		at += b.stride
	}
}

// boundsOf returns the smallest rectangle around the runs inside the set.
func boundsOf(runs []int, h int) image.Rectangle {
	var r image.Rectangle
	at := 0
	for i, n := range runs {
		if i&1 == 1 && n > 0 {
			first, last := at, at+n-1
			one := image.Rect(first/h, first%h, last/h+1, last%h+1)
			if first/h != last/h {
				one.Min.Y, one.Max.Y = 0, h
			}
			r = r.Union(one)
		}
		at += n
	}
	return r
}
