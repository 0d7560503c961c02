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
)
