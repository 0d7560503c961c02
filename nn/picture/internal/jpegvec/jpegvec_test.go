package jpegvec

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// vector returns the tiers but portable Go that this machine can run, and says what it cannot.
func vector(t testing.TB) []Tier {
	tiers := Tiers()
	if last := tiers[len(tiers)-1]; last.Lacks != "" || last.Name != "go" {
		t.Errorf("the last tier is %s and lacks %q", last.Name, last.Lacks)
	}
	var list []Tier
	for _, tier := range tiers[:len(tiers)-1] {
		if tier.Lacks == "" {
			list = append(list, tier)
		} else {
			t.Logf("NOT TESTED: tier %s, this machine lacks %s", tier.Name, tier.Lacks)
		}
	}
	return list
}

// fill makes samples that are random, or one of the extremes.
func fill(r *rand.Rand, s []uint8) {
	extreme := r.IntN(2) == 0
	for i := range s {
		if s[i] = uint8(r.Uint32()); extreme {
			s[i] = uint8(int8(s[i]) >> 7)
		}
	}
}

// guarded returns n bytes between zones of others.
func guarded(n int) (all, inner []uint8) {
	const zone = 128
	all = make([]uint8, zone+n+zone)
	for i := range all {
		all[i] = 0xA5
	}
	return all, all[zone : zone+n : zone+n]
}

// block makes coefficients of one of several kinds: like a photo's, few, large, of the extremes; and their quantisation.
func block(r *rand.Rand) (coefs [64]int16, quant [64]uint16) {
	kind, large := r.IntN(5), r.IntN(2) == 0
	for i := range coefs {
		quant[i] = uint16(1 + r.IntN(30))
		if large {
			quant[i] = uint16(r.Uint32())
		}
		v := int16(r.Uint32())
		switch kind {
		case 0:
			coefs[i] = v >> (6 + i/5)
		case 1:
			if r.IntN(16) == 0 {
				coefs[i] = v >> 8
			}
		case 2:
			coefs[i] = v >> 5
		case 3:
			coefs[i] = v
		case 4:
			coefs[i] = v>>15 ^ 0x7FFF
		}
	}
	return coefs, quant
}

func TestTransform(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, tier := range vector(t) {
		for n := range 100_000 {
			coefs, quant := block(r)
			if n < 64*4 { // one coefficient alone, and its largest
				coefs = [64]int16{}
				coefs[n/4] = [...]int16{1, -1, 32767, -32768}[n%4]
			}
			stride := 8 + r.IntN(9)
			wantAll, want := guarded(7*stride + 8)
			gotAll, got := guarded(7*stride + 8)
			transform(want, stride, &coefs, &quant)
			tier.Transform(got, stride, &coefs, &quant)
			if !slices.Equal(wantAll, gotAll) {
				t.Fatalf("%s: block %d: %v times %v: got %v, want %v", tier.Name, n, coefs, quant, got, want)
			}
		}
	}
}

func TestUpsample(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, tier := range append(vector(t), portable()) {
		for n := range 300 {
			for _, room := range []int{max(2*n-4, 0), 2 * n, max(2*n-5, 0), n} {
				near, far := make([]uint8, n), make([]uint8, n)
				fill(r, near)
				fill(r, far)
				for rows, f := range []func(d []uint8) int{
					func(d []uint8) int { return tier.UpsampleH2V1(d, near) },
					func(d []uint8) int { return tier.UpsampleH2V2(d, near, far) },
				} {
					wantAll, want := guarded(room)
					gotAll, got := guarded(room)
					columns := max(min(n-2, room/2), 0)
					for i := range 2 * columns { // the formula
						c := 1 + i/2
						other := c - 1 + i%2*2
						want[i] = uint8((3*int(near[c]) + int(near[other]) + 1 + i%2) >> 2)
						if rows == 1 {
							sum := func(c int) int { return 3*int(near[c]) + int(far[c]) }
							want[i] = uint8((3*sum(c) + sum(other) + 8 - i%2) >> 4)
						}
					}
					if did := f(got); did != columns || !slices.Equal(wantAll, gotAll) {
						t.Fatalf("%s, %d columns, room for %d, V%d: %d columns are %v, want %v",
							tier.Name, n, room, rows+1, did, got, want)
					}
				}
			}
		}
	}
}

func TestConvert(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	check := func(tier *Tier, luma, cb, cr []uint8) {
		t.Helper()
		wantAll, want := guarded(3 * len(luma))
		gotAll, got := guarded(3 * len(luma))
		convert(want, luma, cb, cr)
		tier.Convert(got, luma, cb, cr)
		if !slices.Equal(wantAll, gotAll) {
			t.Fatalf("%s, %d pixels: got %v, want %v", tier.Name, len(luma), got, want)
		}
	}
	for _, tier := range vector(t) {
		for n := range 300 {
			luma, cb, cr := make([]uint8, n), make([]uint8, n), make([]uint8, n)
			fill(r, luma)
			fill(r, cb)
			fill(r, cr)
			check(&tier, luma, cb, cr)
		}
		luma, cb, cr := make([]uint8, 256), make([]uint8, 256), make([]uint8, 256)
		for i := range 256 { // every chroma, with a luma that clamps neither
			cr[i] = uint8(i)
		}
		for v := range 256 {
			for i := range luma {
				cb[i], luma[i] = uint8(v), uint8(r.Uint32())
			}
			check(&tier, luma, cb, cr)
		}
	}
}

func BenchmarkLoops(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 8))
	coefs, quant := block(r)
	dst, near, far := make([]uint8, 3*2048), make([]uint8, 2048), make([]uint8, 2048)
	for _, tier := range append(vector(b), portable()) {
		for _, loop := range []struct {
			name string
			run  func()
		}{
			{"Transform", func() { tier.Transform(dst, 2048/8, &coefs, &quant) }},
			{"UpsampleH2V1", func() { tier.UpsampleH2V1(dst[:2048], near[:1026]) }},
			{"UpsampleH2V2", func() { tier.UpsampleH2V2(dst[:2048], near[:1026], far[:1026]) }},
			{"Convert", func() { tier.Convert(dst, near, near, far) }},
		} {
			b.Run(loop.name+"/"+tier.Name, func(b *testing.B) {
				for b.Loop() {
					loop.run()
				}
			})
		}
	}
}
