package tile

import "math"

// normGo computes dst[i] = gamma[i]·(x[i] − μ)/√(σ² + eps) + beta[i] with the
// mean μ of x and σ² = Σ(x[i] − μ)²/n. The assembly has eight sums for one, in
// float32.
func normGo(dst, x, gamma, beta []float32, eps float32) {
	x, gamma, beta = x[:len(dst)], gamma[:len(dst)], beta[:len(dst)]
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
	}
	mean := float32(sum / float64(len(x)))
	for _, v := range x {
		d := v - mean
		squares += float64(d * d)
	}
	scale := float32(1 / math.Sqrt(squares/float64(len(x))+float64(eps)))
	for i := range dst {
		dst[i] = (x[i]-mean)*scale*gamma[i] + beta[i]
	}
}

// softmaxGo replaces x[i] by exp(scale·x[i]) / Σ exp(scale·x[j]), for a
// positive scale. What is less than e⁻⁸⁶ of the greatest is that. The assembly
// has eight sums for one, in float32.
func softmaxGo(x []float32, scale float32) {
	greatest := x[0]
	for _, v := range x {
		greatest = max(greatest, v)
	}
	var sum float64
	for i, v := range x {
		x[i] = expGo((v - greatest) * scale)
		sum += float64(x[i])
	}
	inverse := float32(1 / sum)
	for i := range x {
		x[i] *= inverse
	}
}
