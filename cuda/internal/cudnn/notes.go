//go:build linux && cgo && !nocuda

package cudnn

// #include "cudnn.h"
import "C"

import (
	"fmt"
	"strings"
)

// Notes are what an engine says of how it computes, a bit for each.
type Notes uint

// The notes.
const (
	TensorCore        Notes = 1 << C.CUDNN_NUMERICAL_NOTE_TENSOR_CORE
	DownConvert       Notes = 1 << C.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS
	ReducedPrecision  Notes = 1 << C.CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION
	FFT               Notes = 1 << C.CUDNN_NUMERICAL_NOTE_FFT
	Nondeterministic  Notes = 1 << C.CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC
	Winograd          Notes = 1 << C.CUDNN_NUMERICAL_NOTE_WINOGRAD
	WinogradTile4x4   Notes = 1 << C.CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4
	WinogradTile6x6   Notes = 1 << C.CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6
	WinogradTile13x13 Notes = 1 << C.CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13
	StrictNaN         Notes = 1 << C.CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP
)

// names are the notes' names, by bit.
var names = [...]string{"tensor core", "down convert", "reduced precision", "FFT", "nondeterministic",
	"Winograd", "Winograd 4×4", "Winograd 6×6", "Winograd 13×13", "strict NaN"}

// String returns the notes' names, "exact" for none.
func (n Notes) String() string {
	var list []string
	for i, name := range names {
		if n&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	if more := n >> len(names) << len(names); more != 0 {
		list = append(list, fmt.Sprintf("unknown %#x", uint(more)))
	}
	if list == nil {
		return "exact"
	}
	return strings.Join(list, ", ")
}

// allowed are the notes of engines that compute what is asked for: sums of
// products, in float32, of the operands as they are. A note that is not known
// here, of a later version, is not allowed.
func (c *Convolution) allowed() Notes {
	if c.TensorCores {
		return StrictNaN | TensorCore
	}
	return StrictNaN
}
