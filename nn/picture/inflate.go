package picture

import (
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
)

// errInflate is returned for data that zlib would not have written.
var errInflate = errors.New("zlib: invalid data")

// The symbols of RFC 1951 that stand for lengths from 257 on, and for distances: the least, and how many bits are
// added.
var (
	lengthBase = [29]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
		163, 195, 227, 258}
	lengthBits   = [29]uint8{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase = [30]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
		2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceBits = [30]uint8{4: 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	// lengthOrder is the order in which a block has the lengths of the codes for lengths.
	lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

const (
	inflateWindow = 32 << 10          // how far back a match may reach
	inflateRoom   = 3 * inflateWindow // of which the last third is refilled again and again
	inflateMatch  = 258               // the longest match
	inflateLook   = 10                // bits of a code that are looked up at once
	inflateMask   = 1<<inflateLook - 1
)

// An inflater decompresses zlib's format (RFC 1950 and 1951) for PNG files. Go's compress/flate allocates tables for
// each block and takes a call for each byte that it reads. Checksums are those of the chunks; the one at the end is
// not read.
type inflater struct {
	source *pngData
	acc    uint64 // the next bits, from the lowest on
	n      int    // how many of them are loaded
	pad    int    // how many of these are made up, behind the end

	out   []byte // inflateRoom: what was made last
	read  int    // up to where it has been read
	made  int    // up to where it has been made
	state inflateState
	last  bool // whether this block is the last
	left  int  // bytes of a stored block

	literals, distances prefixCode
}

// An inflateState says what comes next.
type inflateState uint8

const (
	inflateHeader inflateState = iota
	inflateStored
	inflateCoded
	inflateDone
)

// A prefixCode is a table of codes of up to 15 bits.
type prefixCode struct {
	look    [1 << inflateLook]uint16 // for the next bits: symbol<<4 | length, or 0 if the code is longer or none
	count   [16]uint16               // how many codes there are of each length
	symbols [288]uint16              // by length, and in order within one
}

// reset begins with the header.
func (f *inflater) reset(source *pngData) error {
	f.source, f.acc, f.n, f.pad = source, 0, 0, 0
	f.out = grown(f.out, inflateRoom)
	f.read, f.made, f.state, f.last = 0, 0, inflateHeader, false
	f.fill()
	method, flags := f.bits(8), f.bits(8)
	if method&15 != 8 || method>>4 > 7 || (method<<8|flags)%31 != 0 || flags&0x20 != 0 {
		return errInflate
	}
	return f.short()
}

// readFull fills p.
func (f *inflater) readFull(p []byte) error {
	for len(p) > 0 {
		if f.read == f.made {
			if err := f.more(); err != nil {
				return err
			}
		}
		n := copy(p, f.out[f.read:f.made])
		f.read += n
		p = p[n:]
	}
	return nil
}

// fill loads at least 56 bits; behind the end they are zeros.
func (f *inflater) fill() {
	if b := f.source.body; len(b) >= 8 {
		f.acc |= binary.LittleEndian.Uint64(b) << (f.n & 63)
		k := (63 - f.n) >> 3
		f.source.body = b[k:]
		f.n += 8 * k
		return
	}
	for f.n <= 56 {
		v, err := f.source.ReadByte()
		if err != nil {
			v = 0
			f.pad += 8
		}
		f.acc |= uint64(v) << f.n
		f.n += 8
	}
}

// short returns an error if bits behind the end were used.
func (f *inflater) short() error {
	if f.n < f.pad {
		return io.ErrUnexpectedEOF
	}
	return nil
}

// bits reads a number of k ≤ 16 bits, which must be loaded.
func (f *inflater) bits(k uint8) int {
	v := int(f.acc & (1<<k - 1))
	f.acc >>= k
	f.n -= int(k)
	return v
}

// more makes some output.
func (f *inflater) more() error {
	if f.made > inflateRoom-inflateWindow {
		copy(f.out, f.out[f.made-inflateWindow:f.made])
		f.made = inflateWindow
		f.read = f.made
	}
	for f.read == f.made {
		var err error
		switch f.state {
		case inflateDone:
			return io.ErrUnexpectedEOF
		case inflateHeader:
			err = f.block()
		case inflateStored:
			err = f.stored()
		case inflateCoded:
			err = f.coded()
		}
		if err == nil {
			err = f.short()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end ends a block.
func (f *inflater) end() {
	f.state = inflateHeader
	if f.last {
		f.state = inflateDone
	}
}

// block reads a block's header.
func (f *inflater) block() error {
	f.fill()
	f.last = f.bits(1) == 1
	switch f.bits(2) {
	case 0:
		f.bits(uint8(f.n & 7)) // up to a whole byte
		f.fill()
		n := f.bits(16)
		if f.bits(16) != n^0xFFFF {
			return errInflate
		}
		f.left, f.state = n, inflateStored
		return nil
	case 1:
		var lengths [288]uint8
		for i := range lengths {
			switch {
			case i < 144 || i >= 280:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			default:
				lengths[i] = 7
			}
		}
		var fives [30]uint8
		for i := range fives {
			fives[i] = 5
		}
		f.state = inflateCoded
		f.distances.define(fives[:]) // two codes are missing, and nobody uses them
		return f.literals.define(lengths[:])
	case 2:
		f.state = inflateCoded
		return f.codes()
	}
	return errInflate
}

// codes reads the codes of a block that has its own.
func (f *inflater) codes() error {
	literals, distances, n := f.bits(5)+257, f.bits(5)+1, f.bits(4)+4
	if literals > 286 || distances > 30 {
		return errInflate
	}
	var lengths [286 + 30]uint8
	for _, i := range lengthOrder[:n] {
		f.fill()
		lengths[i] = uint8(f.bits(3))
	}
	if err := f.literals.define(lengths[:19]); err != nil {
		return err
	}
	clear(lengths[:19])
	for i := 0; i < literals+distances; {
		f.fill()
		s, err := f.symbol(&f.literals)
		if err != nil {
			return err
		}
		value, again := uint8(s), 1
		switch s {
		case 16:
			if i == 0 {
				return errInflate
			}
			value, again = lengths[i-1], 3+f.bits(2)
		case 17:
			value, again = 0, 3+f.bits(3)
		case 18:
			value, again = 0, 11+f.bits(7)
		}
		if i+again > literals+distances {
			return errInflate
		}
		for range again {
			lengths[i] = value
			i++
		}
	}
	if lengths[256] == 0 {
		return errInflate // without an end
	}
	if err := f.distances.define(lengths[literals : literals+distances]); err != nil {
		return err
	}
	return f.literals.define(lengths[:literals])
}

// stored copies what is not compressed.
func (f *inflater) stored() error {
	for f.left > 0 && f.made < inflateRoom {
		if f.n >= 8 { // what is loaded
			f.out[f.made] = uint8(f.bits(8))
			f.made++
			f.left--
			if f.n < f.pad {
				return io.ErrUnexpectedEOF
			}
			continue
		}
		f.acc, f.n = 0, 0
		if err := f.source.more(); err != nil {
			return err
		}
		k := copy(f.out[f.made:min(f.made+f.left, inflateRoom)], f.source.body)
		f.source.body = f.source.body[k:]
		f.made += k
		f.left -= k
	}
	if f.left == 0 {
		f.end()
	}
	return nil
}

// coded makes what a block's codes stand for, as long as there is room for a match.
func (f *inflater) coded() error {
	for f.made+inflateMatch <= inflateRoom {
		if f.n < 48 { // two codes and what is added to them have up to 48 bits
			if f.fill(); f.n < f.pad {
				return io.ErrUnexpectedEOF
			}
		}
		e := f.literals.look[f.acc&inflateMask]
		s := int(e >> 4)
		if e != 0 {
			f.acc >>= e & 15
			f.n -= int(e & 15)
		} else {
			var err error
			if s, err = f.symbol(&f.literals); err != nil {
				return err
			}
		}
		if s < 256 {
			f.out[f.made] = uint8(s)
			f.made++
			continue
		}
		if s == 256 {
			f.end()
			return nil
		}
		if s -= 257; s >= len(lengthBase) {
			return errInflate
		}
		length := int(lengthBase[s]) + f.bits(lengthBits[s])
		d, err := f.symbol(&f.distances)
		if err != nil || d >= len(distanceBase) {
			return errInflate
		}
		distance := int(distanceBase[d]) + f.bits(distanceBits[d])
		if distance > f.made {
			return errInflate
		}
		from, to := f.out[f.made-distance:f.made], f.out[f.made:f.made+length]
		f.made += length
		for len(to) > len(from) { // what is copied is part of what it is copied from
			n := copy(to, from)
			to, from = to[n:], f.out[f.made-len(to)-distance:f.made-len(to)+n]
		}
		copy(to, from)
	}
	return nil
}

// symbol reads one code, which must be loaded.
func (f *inflater) symbol(t *prefixCode) (int, error) {
	if e := t.look[f.acc&inflateMask]; e != 0 {
		f.acc >>= e & 15
		f.n -= int(e & 15)
		return int(e >> 4), nil
	}
	code, first, index := 0, 0, 0
	for length := 1; length <= 15; length++ {
		code |= int(f.acc >> (length - 1) & 1)
		count := int(t.count[length])
		if code-count < first {
			f.bits(uint8(length))
			return int(t.symbols[index+code-first]), nil
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0, errInflate
}

// define makes t the code in which symbol i has lengths[i] bits, or none. The codes must be neither too many nor,
// unless there is but one of one bit, too few.
func (t *prefixCode) define(lengths []uint8) error {
	*t = prefixCode{}
	for _, n := range lengths {
		t.count[n]++
	}
	used := len(lengths) - int(t.count[0])
	t.count[0] = 0
	left := 1
	var next, place [16]int // the next code, and the next place, of each length
	for n := 1; n <= 15; n++ {
		left = left<<1 - int(t.count[n])
		if left < 0 {
			return errInflate
		}
		if n < 15 {
			place[n+1] = place[n] + int(t.count[n])
			next[n+1] = (next[n] + int(t.count[n])) << 1
		}
	}
	for s, n := range lengths {
		if n == 0 {
			continue
		}
		t.symbols[place[n]] = uint16(s)
		place[n]++
		if n <= inflateLook {
			code := int(bits.Reverse16(uint16(next[n])) >> (16 - n))
			for ; code < 1<<inflateLook; code += 1 << n {
				t.look[code] = uint16(s)<<4 | uint16(n)
			}
		}
		next[n]++
	}
	if left > 0 && used > 0 && !(used == 1 && t.count[1] == 1) {
		return errInflate
	}
	return nil
}
