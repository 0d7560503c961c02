//go:build !purego

package tile

import (
	"strings"

	"golang.org/x/sys/cpu"
)

// Tiers returns every tier, the fastest first; the last is portable Go.
func Tiers() []Tier {
	return []Tier{
		{
			Name: "avx512",
			Lacks: lacks(
				feature{"avx512f", cpu.X86.HasAVX512F}, feature{"avx512vl", cpu.X86.HasAVX512VL},
				feature{"avx2", cpu.X86.HasAVX2}, feature{"fma", cpu.X86.HasFMA},
			),
			Tiles: []Tile{
				{"tile_12x32_avx512", 12, 32, tiles12x32AVX512()},
				{"tile_12x16_avx512", 12, 16, tiles12x16AVX512()},
				{"tile_12x8_avx2", 12, 8, tiles12x8AVX2()},
			},
			GFLOPS:  80,
			Peak:    peakAVX512,
			Lanes:   16,
			Vectors: vectorsAVX512(),
		},
		{
			Name:  "avx2",
			Lacks: lacks(feature{"avx2", cpu.X86.HasAVX2}, feature{"fma", cpu.X86.HasFMA}),
			Tiles: []Tile{
				{"tile_6x16_avx2", 6, 16, tiles6x16AVX2()},
				{"tile_12x8_avx2", 12, 8, tiles12x8AVX2()},
			},
			GFLOPS:  50,
			Peak:    peakAVX2,
			Lanes:   8,
			Vectors: vectorsAVX2(),
		},
		portable(),
	}
}

type feature struct {
	name string
	has  bool
}

// lacks returns the names of the features that the machine does not have.
func lacks(features ...feature) string {
	var names []string
	for _, f := range features {
		if !f.has {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ", ")
}
