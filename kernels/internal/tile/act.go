package tile

import "math"

// Rows is an activation function on the rows of a matrix:
//
//	for o in off, if o ≥ 0, i < n:
//	    dst[o+i] = act(x[o+i])
//
// The matrices may be the same: what a tile has stored is still in L1. All
// tiers compute the same bits, as no product is fused with a sum.
type Rows func(dst, x []float32, off []int, n int)

// Acts are the activation functions of package op, by its names.
type Acts struct {
	ReLU, Sigmoid, SiLU, HardSwish, HardSigmoid, ReLU6, GELU Rows
}

// actsGo are the functions written for one number.
func actsGo() Acts {
	return Acts{
		ReLU:        rowsGo(reluGo),
		Sigmoid:     rowsGo(func(x float32) float32 { return 1 / (1 + expGo(-x)) }),
		SiLU:        rowsGo(func(x float32) float32 { return x / (1 + expGo(-x)) }),
		HardSwish:   rowsGo(func(x float32) float32 { return float32(x*relu6Go(x+3)) / 6 }),
		HardSigmoid: rowsGo(func(x float32) float32 { return relu6Go(x+3) / 6 }),
		ReLU6:       rowsGo(relu6Go),
		GELU:        rowsGo(geluGo),
	}
}

func rowsGo(act func(float32) float32) Rows {
	return func(dst, x []float32, off []int, n int) {
		for _, at := range off {
			if at < 0 {
				continue
			}
			d := dst[at:][:n]
			for i, v := range x[at:][:n] {
				d[i] = act(v)
			}
		}
	}
}

func reluGo(x float32) float32 {
	if x < 0 { // false for NaN, which stays
		return 0
	}
	return x
}

func relu6Go(x float32) float32 {
	if x > 6 {
		return 6
	}
	return reluGo(x)
}

// geluGo is the only one without assembly: the error function has none. Of
// 1 + erf(x) = erfc(−x) the former loses all digits where it is next to 0.
func geluGo(x float32) float32 {
	return float32(float64(x) * 0.5 * math.Erfc(-float64(x)/math.Sqrt2))
}

// Constants of expGo, which is exact to 1.1 units in the last place.
const (
	expLeast, expMost = -86, 89 // beyond, 1 + eˣ is 1 or +Inf
	log2e             = 1.44269504088896341
	ln2High           = 355.0 / 512 // of 9 bits, so that multiples are exact
	ln2Low            = -2.12194440e-4

	// Adding expRound rounds to a whole number n and leaves n+126 in the lowest
	// bits, of which a shift makes the power 2ⁿ⁻¹.
	expRound = 3<<22 + 126

	exp2, exp3, exp4 = 0.49999994, 0.16666521, 0.041668389
	exp5, exp6       = 0.008368724, 0.00138145836
)

// expGo returns eˣ: with x = n·ln 2 + r and |r| at most half of ln 2, it is
// 2·2ⁿ⁻¹·(1 + r + r²·p(r)), the polynomial fitted to 3e-9. 2ⁿ⁻¹ is a normal
// number even where eˣ is about to overflow.
func expGo(x float32) float32 {
	if x > expMost { // false for NaN, which stays
		x = expMost
	}
	if x < expLeast {
		x = expLeast
	}
	z := float32(x*log2e) + expRound
	n := z - expRound
	r := x - float32(n*ln2High)
	r -= float32(n * ln2Low)
	p := float32(r*exp6) + exp5
	p = float32(r*p) + exp4
	p = float32(r*p) + exp3
	p = float32(r*p) + exp2
	p = float32(p*float32(r*r)) + r + 1
	p *= math.Float32frombits(math.Float32bits(z) << 23)
	return p + p
}
