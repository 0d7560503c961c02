package jpegvec

// A Tier is an instruction set and the loops that are written in it.
type Tier struct {
	Name  string // "avx2", "go"
	Lacks string // the CPU features that this machine lacks, "" if it can run the tier

	// Transform makes the 8×8 samples of a block from its coefficients, which
	// are multiplied by quant first. The rows of dst begin stride apart.
	Transform func(dst []uint8, stride int, coefs *[64]int16, quant *[64]uint16)

	// UpsampleH2V1 and UpsampleH2V2 make two samples of each column of near
	// but the first and the last: ¾ of it and ¼ of its left neighbour, then of
	// its right one; if V2 of ¾ near and ¼ far, where far is as long as near.
	// They stop where dst has no room for two, and return how many columns
	// they did.
	UpsampleH2V1 func(dst, near []uint8) (columns int)
	UpsampleH2V2 func(dst, near, far []uint8) (columns int)

	// Convert makes the pixels (R, G, B) of len(luma) samples of Y, Cb and Cr.
	Convert func(dst, luma, cb, cr []uint8)
}

// Best returns the first of [Tiers] that this machine can run.
func Best() *Tier {
	tiers := Tiers()
	i := 0
	for tiers[i].Lacks != "" { // the last one, portable Go, lacks nothing
		i++
	}
	return &tiers[i]
}

func portable() Tier {
	return Tier{Name: "go", Transform: transform, UpsampleH2V1: upsampleH2V1, UpsampleH2V2: upsampleH2V2, Convert: convert}
}
