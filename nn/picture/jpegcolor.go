package picture

import "github.com/argand-go/argand/nn/picture/internal/jpegvec"

// picture makes p the picture of the planes. Which colours they hold is guessed as libjpeg does (jdapimin.c); chroma is
// upsampled and converted as [fromYCbCr] does.
func (j *jpegDecoder) picture(p *RGB) {
	p.reset(j.width, j.height)
	planes := &j.planes
	for i := range j.components {
		c := &j.components[i]
		if j.progressive {
			for y := range c.rows {
				for x := range c.stride {
					j.transform(c, x, y, &c.coefs[y*c.stride+x])
				}
			}
		}
		planes[i].set(j.loops, c, j.maxH/c.h, j.maxV/c.v, j.width)
	}
	ycc := j.hasLuma()
	for y := range p.H {
		dst := p.row(y)
		switch c0 := planes[0].row(y); {
		case len(j.components) == 1:
			for x, v := range c0 {
				d := dst[3*x : 3*x+3 : 3*x+3]
				d[0], d[1], d[2] = v, v, v
			}
			continue
		case ycc:
			j.loops.Convert(dst, c0, planes[1].row(y), planes[2].row(y))
		default:
			c1, c2 := planes[1].row(y), planes[2].row(y)
			for x, v := range c0 {
				d := dst[3*x : 3*x+3 : 3*x+3]
				d[0], d[1], d[2] = v, c1[x], c2[x]
			}
		}
		if len(j.components) == 4 {
			removeInk(dst, planes[3].row(y), !ycc)
		}
	}
}

// hasLuma reports whether the first three components are Y, Cb, Cr.
func (j *jpegDecoder) hasLuma() bool {
	c := j.components
	switch {
	case len(c) == 4:
		return j.adobe && j.adobeYCC != 0
	case len(c) == 1 || j.jfif:
		return len(c) == 3
	case j.adobe:
		return j.adobeYCC != 0
	}
	return c[0].id != 'R' || c[1].id != 'G' || c[2].id != 'B'
}

// removeInk turns a row of CMYK into RGB, in place. Pillow takes the inks of every JPEG to be stored inverted, as Adobe
// stores them. YCCK becomes inks by its conversion.
func removeInk(row, black []uint8, inverted bool) {
	flip := uint8(0)
	if inverted {
		flip = 255
	}
	for x, k := range black {
		d := row[3*x : 3*x+3 : 3*x+3]
		cmyk(d, []uint8{d[0] ^ flip, d[1] ^ flip, d[2] ^ flip, 255 - k})
	}
}

// An upsampledPlane gives the rows of a component at the picture's width.
type upsampledPlane struct {
	loops  *jpegvec.Tier
	c      *jpegComponent
	hs, vs int
	width  int
	up     upsampleFunc
	buf    []uint8
}

// set makes u the plane of c, and keeps memory.
func (u *upsampledPlane) set(loops *jpegvec.Tier, c *jpegComponent, hs, vs, width int) {
	*u = upsampledPlane{loops: loops, c: c, hs: hs, vs: vs, width: width, buf: u.buf}
	if hs > 1 || vs > 1 {
		u.up = upsampler(hs, vs, c.w)
		u.buf = grown(u.buf, width)
	}
}

// row returns row y of the picture, valid until the next call.
func (u *upsampledPlane) row(y int) []uint8 {
	stride := 8 * u.c.stride
	if u.up == nil {
		return u.c.samples[y*stride : y*stride+u.width]
	}
	r := y / u.vs
	other := r
	if u.vs == 2 {
		other = min(max(r+2*(y&1)-1, 0), u.c.ht-1)
	}
	near, far := u.c.samples[r*stride:], u.c.samples[other*stride:]
	u.up(u.loops, u.buf, near[:u.c.w], far[:u.c.w], u.hs, 0, y)
	return u.buf
}
