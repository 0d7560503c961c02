// Package gorgonia runs networks in the CUDA contexts of gorgonia.org/cu, on its
// streams and its memory: what a Gorgonia program has on a GPU is read and
// written where it is, without a copy.
//
//	device, err := cu.GetDevice(0)
//	ctx, err := device.MakeContext(cu.SchedAuto)
//	err = ctx.Lock()                              // as cu wants it
//	stream, err := cu.MakeStream(cu.DefaultStream)
//	gpu, err := gorgonia.Wrap(ctx, stream, cuda.Options{})
//	net, err := nn.Compile(bg, gpu, model)        // a network of nn/vision, or your own
//	p, err := net.Program(tensor.Shape{1, 3, 224, 224})
//	picture, err := cu.MemAlloc(4 * 1 * 3 * 224 * 224)
//	logits, err := cu.MemAlloc(4 * 1 * 1000)
//	err = gpu.Run(bg, p, []cu.DevicePtr{logits}, []cu.DevicePtr{picture})
//
// Run is ordered by the stream: it reads what the stream has written before, what
// the stream does later finds its results, and nothing waits until somebody calls
// stream.Synchronize, or waits for an event. [Wrap] is a thin layer over
// [cuda.Adopt] and [cuda.Program], which serve any other CUDA library of a program
// in the same way; read those for how tensors lie in memory.
//
// A goroutine that is locked to a context of cu's, and calls a backend of another
// context, such as one of cuda.Open, must lock itself again: see [cuda.Adopt].
//
// # Building
//
// The package is a module of its own because of what gorgonia.org/cu (v0.9.6, the
// newest) asks of every program that links it:
//
//   - cgo and NVIDIA's headers, of CUDA 12 or older: with those of CUDA 13 it does
//     not compile.
//   - libcuda at build time, and when the program starts: on a machine without the
//     driver the loader refuses the program, and on one without a GPU cu's init
//     ends it with status 1, before main.
//
// A program that must start anywhere has [cuda.Open] instead, and no need of this.
//
// The script test, beside this file, builds and tests the module on a machine
// without any of that: it takes the headers from their wheel (requirements.txt),
// and a fake driver in the place of libcuda.
package gorgonia
