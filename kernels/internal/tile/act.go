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

// geluGo returns x·Φ(x), Φ the normal distribution's function. With z = |x|,
// Φ(−z) is e^(−z²/2)·P(z)/R(z), the quotient fitted to 5e-9 of itself, and
// Φ(z) is 1 − Φ(−z): small numbers keep their digits, as they would not in
// 1 + erf(x/√2). For that z² is computed in two parts.
func geluGo(x float32) float32 {
	z := math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
	if z > geluMost { // false for NaN, which stays
		z = geluMost
	}
	head := math.Float32frombits(math.Float32bits(z) &^ (1<<12 - 1)) // of 12 bits: its square is exact
	tail := float32(float32((z+head)*(z-head)) * 0.5)
	r := float32(head*head) * -0.5
	w := float32(r*log2e) + expRound
	n := w - expRound
	r -= float32(n * ln2High)
	r -= float32(n * ln2Low)
	r -= tail
	p, q := float32(geluP4), float32(geluR5)
	p = float32(p*z) + geluP3
	p = float32(p*z) + geluP2
	p = float32(p*z) + geluP1
	p = float32(p*z) + geluP0
	q = float32(q*z) + geluR4
	q = float32(q*z) + geluR3
	q = float32(q*z) + geluR2
	q = float32(q*z) + geluR1
	q = float32(q*z) + 1
	below := float32(powerGo(r, w)*p) / q
	if math.Signbit(float64(x)) {
		return x * below
	}
	return x * (1 - below)
}

// Constants of geluGo. P is twice what it is, for the half that powerGo
// leaves out.
const (
	geluMost = 13.2109375 // 12 bits; here n is −126, powerGo 0, and so is Φ(−z)

	geluP0, geluP1, geluP2, geluP3, geluP4 = 1, 0.87183326, 0.36295295, 0.08008231, 0.00805719
	geluR1, geluR2, geluR3, geluR4, geluR5 = 1.6697181, 1.1951911, 0.46482825, 0.10037559, 0.010098049
)

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
	p := powerGo(r, z)
	return p + p
}

// powerGo returns half of eʳ·2ⁿ for the n whose n+126 is in the lowest bits of
// z; for n = −126 it is 0.
func powerGo(r, z float32) float32 {
	p := float32(r*exp6) + exp5
	p = float32(r*p) + exp4
	p = float32(r*p) + exp3
	p = float32(r*p) + exp2
	p = float32(p*float32(r*r)) + r + 1
	return p * math.Float32frombits(math.Float32bits(z)<<23)
}
