package picture

import "math/bits"

func (j *jpegDecoder) firstDC(c *jpegComponent, at int) {
	c.last += j.bits.signed(j.bits.symbol(c.dc))
	c.coefs[at][0] = int16(c.last << j.low)
}

func (j *jpegDecoder) refineDC(c *jpegComponent, at int) {
	c.coefs[at][0] |= int16(j.bits.number(1) << j.low)
}

func (j *jpegDecoder) firstAC(c *jpegComponent, at int) {
	if j.eobRun > 0 {
		j.eobRun--
		return
	}
	for k := j.first; k <= j.last; k++ {
		e := j.bits.next(c.ac)
		run := e >> 12 & 15
		k += int(run)
		if e>>16 != 0 {
			c.nonzero[at] = put(&c.coefs[at], c.nonzero[at], k, int16(e>>16<<j.low))
		} else if run < 15 {
			j.eobRun = 1<<run + int(j.bits.number(uint8(run))) - 1
			return
		}
	}
}

// put makes v coefficient k of a block, and returns what its nonzero is then.
func put(b *[64]int16, nonzero uint64, k int, v int16) uint64 {
	b[naturalOrder[k&127]&63] = v
	bit := uint64(1) << min(k, 63)
	if v == 0 { // which a damaged file can say
		return nonzero &^ bit
	}
	return nonzero | bit
}

// refineAC is figure G.7 of ITU-T T.81: every coefficient that is not zero yet takes a bit where it is passed.
func (j *jpegDecoder) refineAC(c *jpegComponent, at int) {
	b, nonzero := &c.coefs[at], c.nonzero[at]
	k := j.first
	for ; j.eobRun == 0 && k <= j.last; k++ {
		symbol := j.bits.symbol(c.ac)
		run, size := symbol>>4, symbol&15
		value := int16(0)
		if size > 0 {
			value = int16(2*j.bits.number(1)-1) << j.low
		} else if run < 15 {
			j.eobRun = 1<<run + int(j.bits.number(run))
			break
		}
		place := k + int(run)
		if passed := nonzero >> k; passed&(2<<run-1) != 0 {
			zeros := ^passed
			for range run {
				zeros &= zeros - 1
			}
			place = min(k+bits.TrailingZeros64(zeros), j.last+1)
			j.refine(b, nonzero, k, place)
		}
		k = min(place, j.last+1)
		if value != 0 {
			nonzero = put(b, nonzero, k, value)
		}
	}
	c.nonzero[at] = nonzero
	if j.eobRun > 0 {
		j.refine(b, nonzero, k, j.last+1)
		j.eobRun--
	}
}

// refine reads a bit for each of the coefficients first to end-1 that is not zero: whether it grows by one.
func (j *jpegDecoder) refine(b *[64]int16, nonzero uint64, first, end int) {
	one := int16(1) << j.low
	for passed := nonzero >> first << first & (1<<end - 1); passed != 0; {
		n := min(bits.OnesCount64(passed), 16)
		grow := uint32(j.bits.number(uint8(n))) << (32 - n)
		for range n {
			v := &b[naturalOrder[bits.TrailingZeros64(passed)]&63]
			if int32(grow) < 0 && *v&one == 0 {
				if *v > 0 {
					*v += one
				} else {
					*v -= one
				}
			}
			grow <<= 1
			passed &= passed - 1
		}
	}
}
