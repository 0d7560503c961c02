package picture

import (
	"encoding/binary"
	"image/jpeg"
)

// lookBits is how long a code may be, or a code and its number, to be found by one look into a table; 98 of 100 are
// no longer. With 9 bits a decoder takes 6 % longer.
const lookBits = 10

// A huffman is a table of prefix codes of up to 16 bits.
type huffman struct {
	defined bool
	look    [1 << lookBits]uint16 // for the next bits: length<<8 | symbol, or 0 if the code is longer
	whole   [1 << lookBits]int32  // number<<16 | symbol<<8 | length of both, or 0 if these are longer
	limit   [17]int32             // the largest code of each length; less than any if there is none
	offset  [17]int32             // what to add to a code of each length to find its symbol
	symbols [256]uint8
}

// defineHuffman reads a DHT segment.
func (j *jpegDecoder) defineHuffman(body []byte) error {
	for len(body) > 0 {
		if len(body) < 17 || body[0]>>4 > 1 || body[0]&15 > 3 {
			return jpeg.FormatError("bad Huffman table")
		}
		n := 0
		for _, c := range body[1:17] {
			n += int(c)
		}
		if n > 256 || len(body) < 17+n {
			return jpeg.FormatError("bad Huffman table")
		}
		t := &j.ac[body[0]&15]
		if body[0]>>4 == 0 {
			t = &j.dc[body[0]&15]
			for _, s := range body[17 : 17+n] {
				if s > 15 {
					return jpeg.FormatError("bad Huffman table: a DC difference of more than 15 bits")
				}
			}
		}
		if err := t.define(body[1:17], body[17:17+n]); err != nil {
			return err
		}
		body = body[17+n:]
	}
	return nil
}

// define makes t the table that has counts[i] codes of i+1 bits, in order of their symbols.
func (t *huffman) define(counts, symbols []byte) error {
	*t = huffman{defined: true}
	copy(t.symbols[:], symbols)
	code, k := int32(0), int32(0)
	for i, n := range counts {
		length := i + 1
		if code+int32(n) > 1<<length {
			return jpeg.FormatError("bad Huffman table: more codes than there can be")
		}
		t.offset[length] = k - code
		for range n {
			if length <= lookBits {
				shift := lookBits - length
				for f := range 1 << shift {
					t.look[int(code)<<shift+f] = uint16(length)<<8 | uint16(t.symbols[k])
				}
			}
			code++
			k++
		}
		t.limit[length] = code - 1
		code <<= 1
	}
	for bits, e := range t.look {
		symbol, size := int32(e&0xFF), uint8(e&15)
		if free := lookBits - int(e>>8) - int(size); e != 0 && free >= 0 {
			number := extended(int32(bits>>free)&(1<<size-1), size)
			t.whole[bits] = number<<16 | symbol<<8 | int32(lookBits-free)
		}
	}
	return nil
}

// extended is what v, of size ≤ 15 bits, means: the upper half of such numbers is positive, the lower half negative.
func extended(v int32, size uint8) int32 {
	return v + (v>>(size-1)-1)&(1-1<<size)
}

// A bitReader reads entropy-coded data: bytes, where 0xFF is followed by 0 unless it begins a marker. At a marker or
// the end it delivers zeros and overrun tells whether any was used, so that loops need no check per bit.
type bitReader struct {
	data []byte
	at   int    // the byte to load next
	acc  uint64 // the next bits from the highest on
	n    int    // how many of them are loaded
	pad  int    // how many of these are made up
	bad  bool   // whether a code was met that no symbol has
}

// reset drops what is loaded.
func (b *bitReader) reset(at int) { b.acc, b.n, b.pad, b.at = 0, 0, 0, at }

func (b *bitReader) overrun() bool { return b.n < b.pad }

// fill loads at least 56 bits.
func (b *bitReader) fill() {
	if b.at+8 <= len(b.data) {
		v := binary.BigEndian.Uint64(b.data[b.at:])
		if (^v-0x0101010101010101)&v&0x8080808080808080 == 0 { // no byte is 0xFF
			b.acc |= v >> (b.n & 63)
			k := (63 - b.n) >> 3
			b.at += k
			b.n += 8 * k
			return
		}
	}
	for b.n <= 56 {
		v, size := uint64(0), 0
		if b.at < len(b.data) {
			v, size = uint64(b.data[b.at]), 1
			if v == 0xFF {
				size = 2
				if b.at+1 >= len(b.data) || b.data[b.at+1] != 0 {
					v, size = 0, 0
				}
			}
		}
		if size == 0 {
			b.pad += 8
		}
		b.at += size
		b.acc |= v << (56 - b.n)
		b.n += 8
	}
}

// symbol reads one code.
func (b *bitReader) symbol(t *huffman) uint8 {
	if b.n < 16 {
		b.fill()
	}
	if e := t.look[b.acc>>(64-lookBits)]; e != 0 {
		b.acc <<= e >> 8
		b.n -= int(e >> 8)
		return uint8(e)
	}
	for length := lookBits + 1; length <= 16; length++ {
		if code := int32(b.acc >> (64 - length)); code <= t.limit[length] {
			b.acc <<= length
			b.n -= length
			return t.symbols[uint8(code+t.offset[length])]
		}
	}
	b.bad = true
	return 0
}

// next reads a code and the number that it announces, and returns what whole has of them. It leaves the length out of
// one that whole has not.
func (b *bitReader) next(t *huffman) int32 {
	if b.n < 32 { // a code and a number have up to 31 bits
		b.fill()
	}
	if e := t.whole[b.acc>>(64-lookBits)]; e != 0 {
		b.acc <<= e & 63
		b.n -= int(e & 63)
		return e
	}
	symbol := b.symbol(t)
	return b.signed(symbol&15)<<16 | int32(symbol)<<8
}

// number reads the n ≤ 16 bits of an unsigned number.
func (b *bitReader) number(n uint8) int32 {
	if b.n < 16 {
		b.fill()
	}
	v := int32(b.acc >> 1 >> (63 - n))
	b.acc <<= n
	b.n -= int(n)
	return v
}

// signed reads the n ≤ 15 bits of a number as [extended] has it.
func (b *bitReader) signed(n uint8) int32 {
	return extended(b.number(n), n)
}
