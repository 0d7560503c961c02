//go:build !purego

package tile

import "unsafe"

// The assembly knows these places; each line fails to compile if one moves.
const (
	_ = -(unsafe.Offsetof(Args{}.A) ^ 0)
	_ = -(unsafe.Offsetof(Args{}.AOff) ^ 24)
	_ = -(unsafe.Offsetof(Args{}.B) ^ 48)
	_ = -(unsafe.Offsetof(Args{}.C) ^ 72)
	_ = -(unsafe.Offsetof(Args{}.COff) ^ 96)
	_ = -(unsafe.Offsetof(Args{}.R) ^ 120)
	_ = -(unsafe.Offsetof(Args{}.ROff) ^ 144)
	_ = -(unsafe.Offsetof(Args{}.Bias) ^ 168)
	_ = -(unsafe.Offsetof(Args{}.Cols) ^ 200)
	_ = -(unsafe.Offsetof(Args{}.Taps) ^ 208)
	_ = -(unsafe.Offsetof(Args{}.K) ^ 216)
	_ = -(unsafe.Offsetof(Args{}.Load) ^ 224)
	_ = -(unsafe.Offsetof(Args{}.ReLU) ^ 232)
	_ = -(unsafe.Offsetof(Args{}.Ahead) ^ 240)
	_ = -(unsafe.Offsetof(Args{}.Step) ^ 264)

	_ = -(unsafe.Offsetof(Patch{}.X) ^ 0)
	_ = -(unsafe.Offsetof(Patch{}.Off) ^ 24)
	_ = -(unsafe.Offsetof(Patch{}.V) ^ 48)
	_ = -(unsafe.Offsetof(Patch{}.Stride) ^ 72)
	_ = -(unsafe.Offsetof(Patch{}.N) ^ 80)
	_ = -(unsafe.Offsetof(Patch{}.Ahead) ^ 88)
	_ = -(unsafe.Offsetof(Patch{}.tmp) ^ 96)

	_ = -(unsafe.Offsetof(Quad{}.M) ^ 0)
	_ = -(unsafe.Offsetof(Quad{}.Stride) ^ 24)
	_ = -(unsafe.Offsetof(Quad{}.N) ^ 32)
	_ = -(unsafe.Offsetof(Quad{}.Bias) ^ 40)
	_ = -(unsafe.Offsetof(Quad{}.R) ^ 64)
	_ = -(unsafe.Offsetof(Quad{}.ROff) ^ 88)
	_ = -(unsafe.Offsetof(Quad{}.Y) ^ 112)
	_ = -(unsafe.Offsetof(Quad{}.YOff) ^ 136)
	_ = -(unsafe.Offsetof(Quad{}.ReLU) ^ 160)
	_ = -(unsafe.Offsetof(Quad{}.Ahead) ^ 168)
	_ = -(unsafe.Offsetof(Quad{}.tmp) ^ 176)

	_ = -(unsafe.Offsetof(Depth{}.X) ^ 0)
	_ = -(unsafe.Offsetof(Depth{}.Off) ^ 24)
	_ = -(unsafe.Offsetof(Depth{}.W) ^ 48)
	_ = -(unsafe.Offsetof(Depth{}.WOff) ^ 72)
	_ = -(unsafe.Offsetof(Depth{}.Taps) ^ 96)
	_ = -(unsafe.Offsetof(Depth{}.Y) ^ 104)
	_ = -(unsafe.Offsetof(Depth{}.Bias) ^ 128)
	_ = -(unsafe.Offsetof(Depth{}.R) ^ 152)
	_ = -(unsafe.Offsetof(Depth{}.ReLU) ^ 176)
)
