package tensor

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// format describes a 16-bit float: 1 sign bit, exponent bits, fraction bits.
type format struct{ exponent, fraction int }

var (
	binary16 = format{5, 10}
	bfloat16 = format{8, 7}
)

// value returns what the bits mean, by the definition of IEEE 754: NaN,
// ±infinity or (−1)^s · 2^(e−bias) · 1.f, exact in float64.
func (f format) value(bits uint16) float64 {
	bias := 1<<(f.exponent-1) - 1
	e := int(bits>>f.fraction) & (1<<f.exponent - 1)
	m := float64(bits & (1<<f.fraction - 1))
	unit := float64(int(1) << f.fraction)
	sign := 1.0
	if bits>>15 == 1 {
		sign = -1
	}
	switch {
	case e == 1<<f.exponent-1 && m != 0:
		return math.NaN()
	case e == 1<<f.exponent-1:
		return math.Inf(int(sign))
	case e == 0:
		return math.Copysign(m/unit*math.Pow(2, float64(1-bias)), sign)
	}
	return sign * (1 + m/unit) * math.Pow(2, float64(e-bias))
}

// nearest returns the bits of the format's number nearest to x, ties to the
// even fraction, by a search through all positive numbers with exact
// distances. A number beyond the greatest is compared with the power of two
// that would come next, and is infinity.
func (f format) nearest(x float64) uint16 {
	var sign uint16
	if math.Signbit(x) {
		sign = 1 << 15
	}
	x = math.Abs(x)
	infinity := uint16((1<<f.exponent - 1) << f.fraction)
	value := func(bits uint16) *big.Rat {
		if bits == infinity {
			return new(big.Rat).SetFloat64(math.Pow(2, float64(int(1)<<(f.exponent-1))))
		}
		return new(big.Rat).SetFloat64(f.value(bits))
	}
	if math.IsInf(x, 0) {
		return sign | infinity
	}
	target := new(big.Rat).SetFloat64(x)
	low, high := uint16(0), infinity // value(low) ≤ x, halved until neighbours
	if target.Cmp(value(infinity)) >= 0 {
		return sign | infinity
	}
	for high-low > 1 {
		middle := low + (high-low)/2
		if value(middle).Cmp(target) <= 0 {
			low = middle
		} else {
			high = middle
		}
	}
	below := new(big.Rat).Sub(target, value(low))
	above := new(big.Rat).Sub(value(high), target)
	if c := below.Cmp(above); c < 0 || c == 0 && low%2 == 0 {
		return sign | low
	}
	return sign | high
}

// numbers16 are the two types with their formats.
var numbers16 = []struct {
	name   string
	format format
	of     func(float32) uint16
	widen  func(uint16) float32
}{
	{"Half", binary16, func(f float32) uint16 { return uint16(HalfOf(f)) }, func(b uint16) float32 { return Half(b).Float32() }},
	{"BHalf", bfloat16, func(f float32) uint16 { return uint16(BHalfOf(f)) }, func(b uint16) float32 { return BHalf(b).Float32() }},
}

func TestHalfEveryPattern(t *testing.T) {
	for _, n := range numbers16 {
		for b := range 1 << 16 {
			bits := uint16(b)
			got, want := n.widen(bits), n.format.value(bits)
			if math.IsNaN(want) {
				if got == got || n.of(got) != n.of(got) || !isNaN(n.widen(n.of(got))) {
					t.Fatalf("%s %#04x is NaN, widened %v, back %#04x", n.name, bits, got, n.of(got))
				}
				continue
			}
			if float64(got) != want || math.Signbit(float64(got)) != math.Signbit(want) {
				t.Fatalf("%s %#04x: got %v, want %v", n.name, bits, got, want)
			}
			if back := n.of(got); back != bits {
				t.Fatalf("%s %#04x is %v, which is rounded to %#04x", n.name, bits, got, back)
			}
		}
	}
}

func isNaN(f float32) bool { return f != f }

// TestHalfRounding tries, for every number of the format, the float32 numbers
// around it and around the middle between it and its neighbour.
func TestHalfRounding(t *testing.T) {
	for _, n := range numbers16 {
		infinity := uint16((1<<n.format.exponent - 1) << n.format.fraction)
		for bits := uint16(0); bits < infinity; bits++ {
			low, high := n.format.value(bits), n.format.value(bits+1)
			if bits+1 == infinity {
				high = math.Pow(2, float64(int(1)<<(n.format.exponent-1)))
			}
			middle := float32(low + (high-low)/2) // exact: float32 has more bits than either format
			for _, sign := range []float32{1, -1} {
				up, down := bits+1, bits
				if sign < 0 {
					up, down = up|1<<15, down|1<<15
				}
				even := down
				if bits%2 == 1 {
					even = up
				}
				if got := n.of(sign * middle); got != even {
					t.Fatalf("%s: the tie %v is rounded to %#04x, want %#04x", n.name, sign*middle, got, even)
				}
				inf := float32(math.Inf(1))
				if got := n.of(sign * math.Nextafter32(middle, inf)); got != up {
					t.Fatalf("%s: above %v is rounded to %#04x, want %#04x", n.name, sign*middle, got, up)
				}
				if got := n.of(sign * math.Nextafter32(middle, 0)); got != down {
					t.Fatalf("%s: below %v is rounded to %#04x, want %#04x", n.name, sign*middle, got, down)
				}
			}
		}
	}
}

func TestHalfAgainstExactArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	try := []float32{
		0, float32(math.Copysign(0, -1)), 1, 65504, 65519.996, 65520, 65535, 65536, 1e38, math.MaxFloat32,
		0x1p-14, 0x1.ffcp-15, 0x1p-24, 0x1p-25, 0x1.000002p-25, 0x1.8p-24, 0x1p-126, 0x1p-133, 0x1p-149,
		float32(math.Inf(1)), float32(math.Inf(-1)),
	}
	for range 3000 {
		try = append(try, math.Float32frombits(r.Uint32()), float32(r.NormFloat64()), float32(r.NormFloat64())*0x1p-15)
	}
	for _, n := range numbers16 {
		for _, f := range try {
			if isNaN(f) {
				if !isNaN(n.widen(n.of(f))) {
					t.Errorf("%s: NaN %#x became %v", n.name, math.Float32bits(f), n.widen(n.of(f)))
				}
				continue
			}
			if got, want := n.of(f), n.format.nearest(float64(f)); got != want {
				t.Errorf("%s of %v: got %#04x, want %#04x", n.name, f, got, want)
			}
		}
	}
}

func TestHalfNaN(t *testing.T) {
	for _, bits := range []uint32{0x7fc00000, 0x7f800001, 0xff800001, 0x7fffffff, 0xffc12345} {
		f := math.Float32frombits(bits)
		if h := HalfOf(f); !isNaN(h.Float32()) || h>>15 != Half(bits>>31) {
			t.Errorf("HalfOf(%#x) = %#04x", bits, h)
		}
		if h := BHalfOf(f); h != 0x7fc0 {
			t.Errorf("BHalfOf(%#x) = %#04x, want PyTorch's 0x7fc0", bits, h)
		}
	}
}

func FuzzHalf(f *testing.F) {
	for _, v := range []float32{0, 1, -65520, 0x1p-25, math.MaxFloat32} {
		f.Add(math.Float32bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint32) {
		v := math.Float32frombits(bits)
		for _, n := range numbers16 {
			got := n.of(v)
			if isNaN(v) {
				if !isNaN(n.widen(got)) {
					t.Errorf("%s: NaN %#x became %#04x", n.name, bits, got)
				}
				continue
			}
			if want := n.format.nearest(float64(v)); got != want {
				t.Errorf("%s of %v: got %#04x, want %#04x", n.name, v, got, want)
			}
		}
	})
}

func ExampleHalfOf() {
	fmt.Println(HalfOf(1.0/3).Float32(), HalfOf(65519).Float32(), HalfOf(65520).Float32())
	// Output: 0.33325195 65504 +Inf
}
