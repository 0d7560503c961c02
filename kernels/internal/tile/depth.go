package tile

// A Depth is one output pixel of a depthwise convolution:
//
//	for c < len(Y):
//	    s := Σ X[Off[t]+c] · W[WOff[t]+c]     over the taps t in the image
//	    s += Bias[c]; s += R[c]; s = max(s, 0)     the last two if asked for
//	    Y[c] = s
//
// The assembly reads the fields by their place, which layout_amd64.go checks.
type Depth struct {
	X    []float32 // activations
	Off  []int     // [Taps]
	W    []float32 // weights
	WOff []int     // [Taps]
	Taps int
	Y    []float32 // results
	Bias []float32 // as long as Y
	R    []float32 // residual to add, nil for none
	ReLU int       // 1 to store max(s, 0)
}

// depthFrom computes channels from, from+1, ….
func depthFrom(d *Depth, from int) {
	for c := from; c < len(d.Y); c++ {
		var s float32
		for t, at := range d.Off[:d.Taps] {
			s += d.X[at+c] * d.W[d.WOff[t]+c]
		}
		s += d.Bias[c]
		if d.R != nil {
			s += d.R[c]
		}
		if d.ReLU != 0 && s < 0 { // false for NaN, which stays
			s = 0
		}
		d.Y[c] = s
	}
}
