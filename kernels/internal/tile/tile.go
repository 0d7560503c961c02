package tile

// Args are the operands of one call of a [Tile]. Offsets count floats.
//
// The assembly reads the fields by their place, which layout_amd64.go checks.
type Args struct {
	A    []float32 // activations
	AOff []int     // [Taps][Rows]: where K consecutive floats of A begin
	B    []float32 // weights [Taps][K][tile's Cols]
	C    []float32 // results
	COff []int     // [Rows]
	R    []float32 // residual to add, nil for none
	ROff []int     // [Rows]
	Bias []float32 // [tile's Cols], nil for none

	Rows int // 1 … tile's Rows
	Cols int // 1 … tile's Cols; columns beyond are neither read nor stored in C and R
	Taps int // at least 0
	K    int // at least 0

	Load int // 1 to add to what C holds, 0 to begin with zero
	ReLU int // 1 to store max(s, 0), 0 to store s

	// What is needed after this tile may be fetched into L2 meanwhile: a line
	// of Ahead for each of the Taps·K steps if Step is [AheadStep], its first
	// few lines only if it is 0. Nil is allowed with 0.
	Ahead []float32
	Step  int
}

// AheadStep makes a tile fetch all of [Args].Ahead: four cache lines for four steps.
const AheadStep = 4 * 64

// A Tile is one micro-kernel.
type Tile struct {
	Name string // geometry and instruction set, "tile_12x32_avx512"
	Rows int    // greatest number of pixels
	Cols int    // output channels per panel of weights

	kernels []func(*Args) // for 1, 2, … Rows pixels
}

// Run computes one tile.
func (t *Tile) Run(a *Args) { t.kernels[a.Rows-1](a) }

// A Tier is an instruction set and what is written in it.
type Tier struct {
	Name  string // "avx512", "avx2", "go"
	Lacks string // the CPU features that this machine lacks, "" if it can run the tier

	// Tiles are kernels for the same layers, the widest first; a narrow one
	// wastes less on a layer of few channels.
	Tiles []Tile

	// GFLOPS is about what the widest tile does per second on one core, to
	// size pieces of work by.
	GFLOPS float64

	// Peak does 24·n·lanes operations on registers only, n at least 1: the
	// ceiling for the tiles, to be measured beside them. Lanes are the floats
	// of a vector. Portable Go has none.
	Peak  func(n int)
	Lanes int

	Vectors
}

// Vectors are loops over channels. Slices have the length of the first.
type Vectors struct {
	Max   func(dst, x []float32)          // dst[i] = max(dst[i], x[i]), NaN if either is
	Add   func(dst, x, y []float32)       // dst[i] = x[i] + y[i]
	Mul   func(dst, x, y []float32)       // dst[i] = x[i] · y[i]
	Blend func(dst []float32, s *Samples) // dst[i] += s.W[0]·s.X[0][i] + … + s.W[3]·s.X[3][i]
	Depth func(d *Depth)                  // see depth.go

	// DepthRun is for kernels of K columns, fast for 3, 5 and 7; see depthrun.go.
	DepthRun func(d *DepthRun, k int)

	// See norm.go. Neither is for slices of nothing.
	Norm    func(dst, x, gamma, beta []float32, eps float32)
	Softmax func(x []float32, scale float32)

	F2, F4 Winograd
	Acts
}

// A Winograd is the transforms of F(m×m, 3×3), see winograd.go.
type Winograd struct {
	Patch func(p *Patch)
	Quad  func(q *Quad)
}

// Samples are pixels and their weights, at least one.
type Samples struct {
	X   []float32
	Off []int
	W   []float32
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

// For returns the tile for a layer of the given number of output channels: the
// narrowest that takes them in one panel, or the widest.
func (t *Tier) For(channels int) *Tile {
	best := &t.Tiles[0]
	for i := range t.Tiles {
		if t.Tiles[i].Cols >= channels {
			best = &t.Tiles[i]
		}
	}
	return best
}
