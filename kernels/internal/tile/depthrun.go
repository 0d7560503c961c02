package tile

// RunPixels is how many pixels a [DepthRun] has.
const RunPixels = 7

// A DepthRun is seven neighbouring output pixels of a depthwise convolution
// whose horizontal stride and dilation are 1 and whose kernel has K columns:
//
//	for c < N, j < 7:
//	    s := Σ X[Off[u·(K+6)+j+v]+c] · W[(u·K+v)·Step+c]     over u < Rows, v < K
//	    s += Bias[c]; s += R[j·RStep+c]; s = max(s, 0)     the last two if asked for
//	    Y[j·YStep+c] = s
//
// A row of K+6 pixels is read once for all seven, where [Depth] reads K for
// each, and the weights are, too: it is bound by multiply-adds, not by loads.
//
// The assembly reads the fields by their place, which layout_amd64.go checks.
type DepthRun struct {
	X     []float32 // activations
	Off   []int     // [Rows][K+6]
	W     []float32 // weights [Rows][K][Step]
	Step  int
	Rows  int // of the kernel that are in the image
	Y     []float32
	YStep int
	Bias  []float32 // [N]
	R     []float32 // residual to add, nil for none
	RStep int
	ReLU  int // 1 to store max(s, 0)
	N     int // channels
}

// depthRunGo is for any K.
func depthRunGo(d *DepthRun, k int) { depthRunFrom(d, k, 0) }

// depthRunFrom computes channels from, from+1, ….
func depthRunFrom(d *DepthRun, k, from int) {
	for c := from; c < d.N; c++ {
		for j := range RunPixels {
			var s float32
			for u := range d.Rows {
				off, w := d.Off[u*(k+RunPixels-1)+j:][:k], d.W[u*k*d.Step+c:]
				for v, at := range off {
					s += d.X[at+c] * w[v*d.Step]
				}
			}
			s += d.Bias[c]
			if d.R != nil {
				s += d.R[j*d.RStep+c]
			}
			if d.ReLU != 0 && s < 0 { // false for NaN, which stays
				s = 0
			}
			d.Y[j*d.YStep+c] = s
		}
	}
}
