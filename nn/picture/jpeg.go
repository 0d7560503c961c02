package picture

import (
	"bytes"
	"image"
	"image/jpeg"

	"github.com/argand-go/argand/nn/picture/internal/jpegvec"
)

// The markers of a JPEG file that mean something here; each follows a byte 0xFF.
const (
	markerSOF0 = 0xC0 // sequential, 8 bits
	markerSOF1 = 0xC1 // sequential with more tables
	markerSOF2 = 0xC2 // progressive
	markerDHT  = 0xC4
	markerJPG  = 0xC8
	markerDAC  = 0xCC
	markerSOFF = 0xCF // the last of the frames
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerDQT  = 0xDB
	markerDRI  = 0xDD
	markerAPP0 = 0xE0
	markerAPPE = 0xEE
	markerTEM  = 0x01
)

// maxScans bounds the work that a small file can ask for: a scan of a progressive file may say "nothing changes" in a
// few bytes, and yet every block is visited. Encoders write about ten.
const maxScans = 500

// A jpegDecoder turns a JPEG file into the samples that libjpeg-turbo makes of it, in every bit: Go's image/jpeg has
// another inverse cosine transform, whose results differ by up to 3 of 255. It reads what Pillow reads of 8-bit files,
// without arithmetic coding: sequential and progressive, gray, YCbCr, RGB, CMYK and YCCK. It is stricter about damaged
// entropy-coded data, which libjpeg decodes to something with a warning. Its errors are image/jpeg's. It can be used
// again after a reset, and keeps its memory.
type jpegDecoder struct {
	loops *jpegvec.Tier
	data  []byte
	bits  bitReader

	scratch [64]int16 // a sequential file's block

	width, height int
	progressive   bool
	components    []jpegComponent
	maxH, maxV    int // the largest sampling factors

	quant    [4][64]uint16 // in natural order
	hasQuant [4]bool
	dc, ac   [4]huffman
	restart  int // units between restart markers, or 0
	scans    int
	eobRun   int // blocks that a progressive scan still skips
	jfif     bool
	adobe    bool
	adobeYCC byte // Adobe's colour transform: 0 none, 1 YCbCr, 2 YCCK

	allocated   bool              // whether the planes have been made
	first, last int               // a progressive scan refines coefficients first to last,
	low         uint8             // down to this bit
	list        [4]*jpegComponent // those of a scan
	planes      [4]upsampledPlane
	kept        [4]jpegComponent // the components; they keep the memory of planes
}

// A jpegComponent is one of a frame's planes.
type jpegComponent struct {
	id, table int // table is that of quantisation
	h, v      int // sampling factors
	w, ht     int // samples that count
	bw, bh    int // blocks that hold them
	stride    int // blocks of a row, a multiple of h
	rows      int // rows of blocks, a multiple of v

	dc, ac  *huffman    // of the current scan
	last    int32       // the DC coefficient before
	seen    bool        // whether a scan had it
	quant   [64]uint16  // as they were when its first scan began
	samples []uint8     // (8*rows, 8*stride)
	coefs   [][64]int16 // (rows, stride), if progressive
	nonzero []uint64    // (rows, stride), if progressive: bit k > 0 is whether coefficient k in the file is not 0
}

func jpegConfig(d []byte) (image.Config, error) {
	at := 2 // after the magic
	for {
		marker, body, next, err := nextSegment(d, at)
		switch {
		case err != nil:
			return image.Config{}, err
		case marker == markerSOS:
			return image.Config{}, jpeg.FormatError("a scan before the frame")
		case isFrame(marker):
			if len(body) < 6 {
				return image.Config{}, jpeg.FormatError("bad frame header")
			}
			size := image.Config{Height: int(body[1])<<8 | int(body[2]), Width: int(body[3])<<8 | int(body[4])}
			if size.Width == 0 || size.Height == 0 {
				return size, jpeg.UnsupportedError("a height or width of 0")
			}
			return size, nil
		}
		at = next
	}
}

func (d *Decoder) decodeJPEG(dst *RGB, data []byte) error {
	j := &d.jpeg
	j.reset(data)
	err := j.segments()
	if err == nil {
		j.picture(dst)
	}
	j.data, j.bits.data = nil, nil // which are the caller's
	return err
}

// reset forgets the file before, and keeps memory.
func (j *jpegDecoder) reset(data []byte) {
	loops := j.loops
	if loops == nil {
		loops = jpegvec.Best()
	}
	*j = jpegDecoder{loops: loops, data: data, dc: j.dc, ac: j.ac, planes: j.planes, kept: j.kept}
	for i := range j.dc {
		j.dc[i].defined, j.ac[i].defined = false, false
	}
}

// segments reads the file up to its end.
func (j *jpegDecoder) segments() error {
	at := 2 // after the magic
	for {
		marker, body, next, err := nextSegment(j.data, at)
		if err != nil {
			return err
		}
		if at = next; marker == markerEOI {
			return j.complete()
		}
		if marker != markerSOS {
			if err := j.segment(marker, body); err != nil {
				return err
			}
			continue
		}
		if at, err = j.scan(body, at); err != nil {
			return err
		}
		if !j.progressive && j.complete() == nil {
			return nil // as libjpeg, without asking for an end
		}
	}
}

// nextSegment finds the next marker from at on and returns it, what its segment holds, which is nothing for some, and
// where it ends.
func nextSegment(d []byte, at int) (marker byte, body []byte, next int, err error) {
	marker, at, err = nextMarker(d, at)
	if err != nil || marker >= markerRST0 && marker <= markerEOI || marker == markerTEM {
		return marker, nil, at, err
	}
	if len(d)-at < 2 {
		return 0, nil, 0, jpeg.FormatError("cut within a segment")
	}
	n := int(d[at])<<8 | int(d[at+1])
	if n < 2 || n > len(d)-at {
		return 0, nil, 0, jpeg.FormatError("cut within a segment")
	}
	return marker, d[at+2 : at+n], at + n, nil
}

// nextMarker finds the next marker from at on and returns it and the position behind it. What lies between, which
// should be nothing, is skipped, as libjpeg does.
func nextMarker(d []byte, at int) (marker byte, next int, err error) {
	for ; at+1 < len(d); at++ {
		if d[at] == 0xFF && d[at+1] != 0 && d[at+1] != 0xFF {
			return d[at+1], at + 2, nil
		}
	}
	return 0, 0, jpeg.FormatError("it ends before its end marker")
}

// segment reads one segment but a scan's header.
func (j *jpegDecoder) segment(marker byte, body []byte) error {
	switch {
	case marker == markerDHT:
		return j.defineHuffman(body)
	case marker == markerDQT:
		return j.defineQuantization(body)
	case marker == markerDRI:
		if len(body) != 2 {
			return jpeg.FormatError("bad DRI segment")
		}
		j.restart = int(body[0])<<8 | int(body[1])
	case marker == markerAPP0:
		j.jfif = j.jfif || len(body) >= 14 && bytes.HasPrefix(body, []byte("JFIF\x00"))
	case marker == markerAPPE:
		if len(body) >= 12 && bytes.HasPrefix(body, []byte("Adobe")) {
			j.adobe, j.adobeYCC = true, body[11]
		}
	case marker >= markerSOF0 && marker <= markerSOF2:
		j.progressive = marker == markerSOF2
		return j.frame(body)
	case marker == markerDAC || isFrame(marker):
		return jpeg.UnsupportedError("arithmetic coding, lossless and hierarchical files")
	}
	return nil
}

// isFrame reports whether a marker begins a frame, of any kind.
func isFrame(marker byte) bool {
	return marker >= markerSOF0 && marker <= markerSOFF &&
		marker != markerDHT && marker != markerJPG && marker != markerDAC
}

// frame reads the frame's header. It allocates nothing of the picture's size.
func (j *jpegDecoder) frame(body []byte) error {
	if j.components != nil {
		return jpeg.FormatError("two frames")
	}
	if len(body) < 6 || len(body) != 6+3*int(body[5]) {
		return jpeg.FormatError("bad frame header")
	}
	if body[0] != 8 {
		return jpeg.UnsupportedError("samples of other than 8 bits")
	}
	j.height, j.width = int(body[1])<<8|int(body[2]), int(body[3])<<8|int(body[4])
	if j.width == 0 || j.height == 0 {
		return jpeg.UnsupportedError("a height or width of 0")
	}
	n := int(body[5])
	if n != 1 && n != 3 && n != 4 {
		return jpeg.UnsupportedError("other than 1, 3 or 4 components")
	}
	c := j.kept[:n]
	for i := range c {
		b := body[6+3*i:]
		c[i] = jpegComponent{id: int(b[0]), h: int(b[1] >> 4), v: int(b[1] & 15), table: int(b[2]),
			samples: c[i].samples, coefs: c[i].coefs, nonzero: c[i].nonzero}
		if c[i].h < 1 || c[i].h > 4 || c[i].v < 1 || c[i].v > 4 || c[i].table > 3 {
			return jpeg.FormatError("bad sampling factors or table")
		}
		for k := range i {
			if c[k].id == c[i].id {
				return jpeg.FormatError("two components of one name")
			}
		}
		j.maxH, j.maxV = max(j.maxH, c[i].h), max(j.maxV, c[i].v)
	}
	for i := range c {
		p := &c[i]
		if j.maxH%p.h != 0 || j.maxV%p.v != 0 {
			return jpeg.UnsupportedError("sampling factors that do not divide the largest")
		}
		p.w, p.ht = ceilDiv(j.width*p.h, j.maxH), ceilDiv(j.height*p.v, j.maxV)
		p.bw, p.bh = ceilDiv(p.w, 8), ceilDiv(p.ht, 8)
		p.stride, p.rows = ceilDiv(j.width, 8*j.maxH)*p.h, ceilDiv(j.height, 8*j.maxV)*p.v
	}
	j.components = c
	return nil
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// allocate makes the planes. A block takes a bit at least of any file, and two of a sequential one, so a file much
// shorter than its header promises is refused: memory is bounded by the file's length.
func (j *jpegDecoder) allocate() error {
	blocks, perByte := 0, 4
	if j.progressive {
		perByte = 8
	}
	for i := range j.components {
		blocks += j.components[i].bw * j.components[i].bh
	}
	if blocks/perByte > len(j.data) {
		return jpeg.FormatError("too short for its size")
	}
	for i := range j.components {
		c := &j.components[i]
		c.samples = grown(c.samples, 64*c.stride*c.rows)
		if j.progressive {
			c.coefs = grown(c.coefs, c.stride*c.rows)
			clear(c.coefs)
			c.nonzero = grown(c.nonzero, c.stride*c.rows)
			clear(c.nonzero)
		}
	}
	j.allocated = true
	return nil
}

// complete reports whether the planes are there.
func (j *jpegDecoder) complete() error {
	if j.components == nil {
		return jpeg.FormatError("no frame")
	}
	for i := range j.components {
		if !j.components[i].seen {
			return jpeg.FormatError("a component has no scan")
		}
	}
	return nil
}

// defineQuantization reads a DQT segment.
func (j *jpegDecoder) defineQuantization(body []byte) error {
	for len(body) > 0 {
		id, size := body[0]&15, 1+int(body[0]>>4)
		if id > 3 || size > 2 || len(body) < 1+64*size {
			return jpeg.FormatError("bad quantisation table")
		}
		t := &j.quant[id]
		for k := range 64 {
			v := uint16(body[1+size*k])
			if size == 2 {
				v = v<<8 | uint16(body[2+size*k])
			}
			t[naturalOrder[k]] = v
		}
		j.hasQuant[id] = true
		body = body[1+64*size:]
	}
	return nil
}
