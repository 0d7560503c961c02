package cuda

import (
	"fmt"
	"strings"
)

// Options say which driver and which device. The zero Options are the defaults.
type Options struct {
	// Driver is the path of NVIDIA's driver, libcuda.so.1. If it is empty it
	// is looked for where the system's loader and the installations of
	// NVIDIA, Kubernetes and WSL have it.
	Driver string

	// Device is the number of the device that [Open] opens, 0 for the first
	// that the driver shows.
	Device int

	// MemoryBytes limits what the backend takes of the device's memory: the
	// weights of all its models and what their runs compute with. 0 is no
	// limit. What does not fit waits for runs in progress to end, and is an
	// [*OOMError] or an [*ArenaError] if that cannot help.
	MemoryBytes int64

	// Engines says what may compute convolutions and fully connected layers:
	// whatever is found and measured to be fastest, or our own kernels only.
	Engines Engines

	// CUBLASLt is the path of NVIDIA's library of matrix products,
	// libcublasLt.so.13 or libcublasLt.so.12, and CUDNN that of its library of
	// convolutions, libcudnn.so.9. One that is empty is looked for, but not if
	// Driver is a path: by the system's loader, then in the packages of the Python
	// that is first in PATH, and of one that the program is installed beside, as
	// pip installs them with PyTorch, then where the CUDA toolkit and the system's
	// packages have it. Neither need be there.
	CUBLASLt, CUDNN string

	// PerBatch lets the engine of a layer be chosen for the batch that it runs in,
	// and not for one picture of it. Large batches are faster, and a picture's
	// results differ from batch to batch in their last bits.
	PerBatch bool
}

// Report is what [Probe] has found.
type Report struct {
	// Absent says why this program cannot use a GPU whatever the machine has,
	// because of how it was built. It is empty if it can.
	Absent string

	Driver  string // path of the driver, "" if there is none that starts
	Version string // the newest CUDA that it runs programs of, "12.9"
	Devices []Device

	// Tried are the libraries that were tried and could not be used, in order,
	// and why.
	Tried []error
	// Err says what kept the driver from showing its devices, or is nil.
	Err error

	// Libraries are what may compute layers besides our own kernels. They are
	// looked for where there are devices, and not all need be there.
	Libraries []Library
}

// Library is a library of NVIDIA's that is used where it is found.
type Library struct {
	Name          string  // "cuDNN"
	Path, Version string  // "" if none was found that can be used
	Tried         []error // what was tried before, in order, and why it could not be used
}

// NoFileError says that one of the places where a library is looked for has no file
// of its name.
type NoFileError struct {
	Folder string   // a pattern, "/usr/local/cuda-*/lib64"
	Files  []string // names that would do
}

// Error names the folder and the files.
func (e *NoFileError) Error() string {
	return fmt.Sprintf("%s: no %s", e.Folder, strings.Join(e.Files, ", no "))
}

// FileError says that a file cannot be a library of this machine's. The loader would
// wait for ever for one that is no file, such as a pipe, or end the program at one
// that is cut off.
type FileError struct {
	Path string
	Why  string
}

// Error returns the path and the reason.
func (e *FileError) Error() string { return e.Path + ": " + e.Why }

// Device is a GPU.
type Device struct {
	Ordinal         int    // 0 is cuda:0
	Name            string // "NVIDIA H100 80GB HBM3"
	Capability      [2]int // compute capability, {9, 0}
	Bytes           int64  // of its memory
	Multiprocessors int
}

// String returns "cuda:0 NVIDIA H100 80GB HBM3, compute capability 9.0, 132
// multiprocessors, 85.0 GB", say.
func (d Device) String() string {
	return fmt.Sprintf("cuda:%d %s, compute capability %d.%d, %d multiprocessors, %.1f GB",
		d.Ordinal, d.Name, d.Capability[0], d.Capability[1], d.Multiprocessors, float64(d.Bytes)/1e9)
}

// String returns the report in lines: the devices, or why there are none.
func (r *Report) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if r.Absent != "" {
		line("no GPU: %s", r.Absent)
		return b.String()
	}
	if r.Driver == "" {
		line("no GPU: NVIDIA's driver was not found, or does not start; install NVIDIA's driver, or have it mounted into " +
			"the container")
	} else {
		line("NVIDIA's driver for CUDA %s: %s", r.Version, r.Driver)
	}
	for _, err := range r.Tried {
		line("  tried %v", err)
	}
	if r.Err != nil {
		line("no GPU: %v", r.Err)
	} else if r.Driver != "" && len(r.Devices) == 0 {
		line("no GPU: the driver shows none; CUDA_VISIBLE_DEVICES may hide them")
	}
	for _, d := range r.Devices {
		line("%v", d)
	}
	for _, l := range r.Libraries {
		if l.Path == "" {
			line("no %s, which may be faster for some layers:", l.Name)
		} else {
			line("%s %s: %s", l.Name, l.Version, l.Path)
		}
		for _, err := range l.Tried {
			line("  tried %v", err)
		}
	}
	return b.String()
}
