// Package kernel holds the kernels of the CUDA backend, in CUDA C++. Read
// device.h first, which says what they are written in, then the .cu files; each
// begins with its formula. Those that read and write maps are written for any
// element of elements.h; products share epilogue.h, and what they need of tensor
// cores is in tensorcore.h; those of a detector share boxes.h. emulator.h runs
// them on a CPU, for tests.
package kernel

import "embed"

//go:generate ./generate

// Sources are the kernels and what they include.
//
//go:embed *.cu *.h
var Sources embed.FS
