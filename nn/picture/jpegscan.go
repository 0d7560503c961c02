package picture

import "image/jpeg"

// naturalOrder gives the place, row by row, of the k-th coefficient in a file. Runs of zeros in damaged files end in
// the 16 places behind, as in libjpeg. The others spare the check of an index.
var naturalOrder = [128]uint8{
	0, 1, 8, 16, 9, 2, 3, 10,
	17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34,
	27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36,
	29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46,
	53, 60, 61, 54, 47, 55, 62, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
	63, 63, 63, 63, 63, 63, 63, 63,
}

// A blockFunc adds to block at of a component what a progressive scan says of it.
type blockFunc func(j *jpegDecoder, c *jpegComponent, at int)

// scan reads the scan whose header is head and whose data begins at at, and returns where it ends.
func (j *jpegDecoder) scan(head []byte, at int) (end int, err error) {
	if j.scans++; j.scans > maxScans {
		return 0, jpeg.UnsupportedError("more than 500 scans")
	}
	list, err := j.scanned(head)
	if err != nil {
		return 0, err
	}
	read, err := j.reader(head[len(head)-3:], list)
	if err != nil {
		return 0, err
	}
	if !j.allocated {
		if err := j.allocate(); err != nil {
			return 0, err
		}
	}
	for _, c := range list {
		if !c.seen {
			if !j.hasQuant[c.table] {
				return 0, jpeg.FormatError("no quantisation table")
			}
			c.quant, c.seen = j.quant[c.table], true
		}
	}
	j.bits.data = j.data
	j.begin(list, at)
	across, down := ceilDiv(j.width, 8*j.maxH), ceilDiv(j.height, 8*j.maxV)
	if len(list) == 1 {
		across, down = list[0].bw, list[0].bh
	}
	units := 0
	for y := range down {
		for x := range across {
			if j.restart > 0 && units > 0 && units%j.restart == 0 {
				if err := j.restartAt(list, byte(units/j.restart-1)&7); err != nil {
					return 0, err
				}
			}
			units++
			if len(list) == 1 {
				j.block(list[0], x, y, read)
			} else {
				j.unit(list, x, y, read)
			}
			if j.bits.bad || j.bits.overrun() {
				return 0, j.bits.fault()
			}
		}
	}
	return j.bits.at, nil
}

// scanned reads which components a scan has, and with which Huffman tables.
func (j *jpegDecoder) scanned(head []byte) ([]*jpegComponent, error) {
	if j.components == nil {
		return nil, jpeg.FormatError("a scan before the frame")
	}
	if len(head) < 6 || len(head) != 4+2*int(head[0]) || int(head[0]) > len(j.components) {
		return nil, jpeg.FormatError("bad scan header")
	}
	list := j.list[:0]
	blocks := 0
	for i := range int(head[0]) {
		id, tables := int(head[1+2*i]), head[2+2*i]
		if tables>>4 > 3 || tables&15 > 3 {
			return nil, jpeg.FormatError("bad scan header")
		}
		var c *jpegComponent
		for k := range j.components {
			if j.components[k].id == id {
				c = &j.components[k]
			}
		}
		if c == nil {
			return nil, jpeg.FormatError("a scan of a component that the frame lacks")
		}
		for _, other := range list {
			if other == c {
				return nil, jpeg.FormatError("a scan has a component twice")
			}
		}
		c.dc, c.ac = &j.dc[tables>>4], &j.ac[tables&15]
		list = append(list, c)
		blocks += c.h * c.v
	}
	if len(list) > 1 && blocks > 10 {
		return nil, jpeg.FormatError("more than 10 blocks in a unit")
	}
	return list, nil
}

// reader checks the scan's parameters and chooses how its blocks are read: nil for those of a sequential file.
func (j *jpegDecoder) reader(parameters []byte, list []*jpegComponent) (blockFunc, error) {
	first, last := int(parameters[0]), int(parameters[1])
	high, low := uint8(parameters[2]>>4), uint8(parameters[2]&15)
	needDC, needAC := true, true
	var read blockFunc
	if j.progressive { // others have all coefficients, whatever the parameters say
		if first > last || last > 63 || first == 0 && last != 0 || first > 0 && len(list) != 1 ||
			high > 0 && low != high-1 || low > 13 {
			return nil, jpeg.FormatError("bad progressive scan")
		}
		needDC, needAC = first == 0 && high == 0, first > 0
		j.first, j.last, j.low = first, last, low
		switch {
		case first == 0 && high == 0:
			read = (*jpegDecoder).firstDC
		case first == 0:
			read = (*jpegDecoder).refineDC
		case high == 0:
			read = (*jpegDecoder).firstAC
		default:
			read = (*jpegDecoder).refineAC
		}
	}
	for _, c := range list {
		if needDC && !c.dc.defined || needAC && !c.ac.defined {
			return nil, jpeg.FormatError("no Huffman table")
		}
	}
	return read, nil
}

// unit reads the blocks of one unit of an interleaved scan.
func (j *jpegDecoder) unit(list []*jpegComponent, x, y int, read blockFunc) {
	for _, c := range list {
		for v := range c.v {
			for h := range c.h {
				j.block(c, x*c.h+h, y*c.v+v, read)
			}
		}
	}
}

// block reads block (x, y) of a component. A sequential file's becomes samples at once.
func (j *jpegDecoder) block(c *jpegComponent, x, y int, read blockFunc) {
	if read != nil {
		read(j, c, y*c.stride+x)
		return
	}
	j.scratch = [64]int16{}
	j.readBlock(c, &j.scratch)
	j.transform(c, x, y, &j.scratch)
}

// transform makes the samples of block (x, y) of c from its coefficients.
func (j *jpegDecoder) transform(c *jpegComponent, x, y int, b *[64]int16) {
	stride := 8 * c.stride
	j.loops.Transform(c.samples[8*y*stride+8*x:], stride, b, &c.quant)
}

// begin starts a scan or an interval after a restart.
func (j *jpegDecoder) begin(list []*jpegComponent, at int) {
	j.bits.reset(at)
	j.eobRun = 0
	for _, c := range list {
		c.last = 0
	}
}

// restartAt goes on behind the n-th restart marker.
func (j *jpegDecoder) restartAt(list []*jpegComponent, n byte) error {
	marker, next, err := nextMarker(j.data, j.bits.at)
	if err != nil {
		return err
	}
	if marker != markerRST0+n {
		return jpeg.FormatError("bad restart marker")
	}
	j.begin(list, next)
	return nil
}

func (b *bitReader) fault() error {
	if b.bad {
		return jpeg.FormatError("bad Huffman code")
	}
	return jpeg.FormatError("a scan is cut")
}

// readBlock reads a block of a sequential file. The bits that are loaded stay in registers: this is where a decoder
// spends its time.
func (j *jpegDecoder) readBlock(c *jpegComponent, b *[64]int16) {
	bits := &j.bits
	acc, n := bits.acc, bits.n
	table := c.dc
	for k := 0; k < 64; k++ {
		if n < 32 { // a code and a number have up to 31 bits
			bits.acc, bits.n = acc, n
			bits.fill()
			acc, n = bits.acc, bits.n
		}
		e := table.whole[acc>>(64-lookBits)]
		if e == 0 {
			bits.acc, bits.n = acc, n
			e = bits.next(table)
			acc, n = bits.acc, bits.n
		} else {
			acc <<= e & 63
			n -= int(e & 63)
		}
		if k == 0 {
			c.last += e >> 16
			b[0] = int16(c.last)
			table = c.ac
			continue
		}
		run := int(e >> 12 & 15)
		k += run
		if e>>16 != 0 {
			b[naturalOrder[k&127]&63] = int16(e >> 16)
		} else if run < 15 {
			break
		}
	}
	bits.acc, bits.n = acc, n
}
