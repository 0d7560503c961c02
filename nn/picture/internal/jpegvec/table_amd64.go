//go:build !purego

package jpegvec

import "golang.org/x/sys/cpu"

// Tiers returns every tier, the fastest first; the last is portable Go.
func Tiers() []Tier {
	lacks := ""
	if !cpu.X86.HasAVX2 {
		lacks = "avx2"
	}
	return []Tier{
		{
			Name:         "avx2",
			Lacks:        lacks,
			Transform:    transformVector,
			UpsampleH2V1: upsampleH2V1Vector,
			UpsampleH2V2: upsampleH2V2Vector,
			Convert:      convertVector,
		},
		portable(),
	}
}

// round is how many columns or pixels the assembly does at a time; it needs
// that many at least and leaves no tail.
const round = 32

func transformVector(dst []uint8, stride int, coefs *[64]int16, quant *[64]uint16) {
	_ = dst[7*stride : 7*stride+8]
	transformAVX2(&dst[0], stride, &coefs[0], &quant[0])
}

func upsampleH2V1Vector(dst, near []uint8) (columns int) {
	n := inner(dst, near)
	if n < round {
		return upsampleH2V1(dst, near)
	}
	upsampleH2V1AVX2(&dst[0], &near[1], n)
	return n
}

func upsampleH2V2Vector(dst, near, far []uint8) (columns int) {
	n := inner(dst, near)
	if n < round {
		return upsampleH2V2(dst, near, far)
	}
	far = far[:len(near)]
	upsampleH2V2AVX2(&dst[0], &near[1], &far[1], n)
	return n
}

func convertVector(dst, luma, cb, cr []uint8) {
	n := len(luma)
	if n < round {
		convert(dst, luma, cb, cr)
		return
	}
	dst, cb, cr = dst[:3*n], cb[:n], cr[:n]
	convertAVX2(&dst[0], &luma[0], &cb[0], &cr[0], n)
}
