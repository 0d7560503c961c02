// Package cuda is the backend for NVIDIA's GPUs: [Open] returns one that runs
// networks in float32, tf32, bfloat16 or float16, and [Probe] finds the driver and
// the devices, and tells everything it tried.
//
// The driver, libcuda, is opened when the program runs, so that nothing of CUDA
// is needed to build, and one program runs with a GPU and without. That takes
// cgo and Linux; without them, or with the build tag nocuda, Open and Probe say
// so.
//
// # What runs, and what does not
//
// Nothing has run on a GPU yet. Everything is tested through a driver that runs
// the kernels on a CPU, in five orders of threads: the operators of package op, but
// for those that Load says there are no kernels for, and so detectors, from the
// picture to the masks without the host. A
// RoIAlign has at most five levels, and thresholds of NMS are not below 0. What
// has weights is an implicit matrix product, but for convolutions in groups, which
// are loops as their formula stands.
//
// # Engines
//
// Which tile of our kernels computes a product, and how many blocks share its
// depth, says a table. Where cuBLASLt or cuDNN are found, the fastest engine of a
// layer is found out by measuring when a program is planned, and one that fails,
// or computes something else than our kernel, is not used: see [Options.Engines].
// A profile names the engine of each layer, and [Backend.EngineChoices] tells what
// was tried. The choice is made for a picture, not for the batch that it is in,
// unless [Options.PerBatch] says so.
//
// # Precisions
//
// Sums are float32 in every precision. Float32 is exact: no factor of a product
// loses a bit. In tf32 products round their factors to 11 significant bits, for
// tensor cores; all else is float32. In bfloat16 and float16 maps and the weights
// of products are of 16 bits, and every operator rounds its result. These three
// need compute capability 8.0; Load on an older device is an
// [*github.com/argand-go/argand/nn/op.UnsupportedError] that says what it has.
//
// Float32 in every precision are boxes, scores, and the logits and deltas that
// objects are selected by, inputs and results of products that the caller gets,
// biases, batch norms by themselves and the weights of convolutions in groups. An
// input that goes to operators on maps only is rounded once it is on the device.
//
// Nothing above 65504 is a float16: from 65520 on a number becomes infinite, a
// weight when it is loaded, an element of a map when it is written, as it does in
// PyTorch. A network with maps like that needs bfloat16, whose range is float32's.
//
// # Reading
//
// The files are those of package kernels, the CPU backend, for the same things.
//
//   - cuda.go, model.go, weights.go and pack.go: loading. Kernels come from
//     package kernel; weights are laid out on the host, by all cores, and uploaded
//     once.
//   - program.go and element.go: planning for input shapes. Each operator becomes
//     launches of kernels, or calls of libraries; values get their elements, and
//     their places in one arena.
//   - run.go and arena.go: a run has a stream, an arena and memory of the host
//     that the device copies by itself, from a pool. It submits its launches in
//     one call, or those between two calls of libraries, and from the second run
//     of a shape on everything, with the copies, as a CUDA graph. memory.go is
//     how models share the device's memory.
//   - ondevice.go, stream.go and lend.go: running on memory that is on the device
//     already, in the context and on the stream of another library of the program.
//   - engine.go: what an engine of products is, and how to add a library.
//     engineown.go has the table of our own kernels, enginecublaslt.go and
//     enginecudnn.go the libraries, enginechoice.go, enginemeasure.go,
//     enginecheck.go and enginecache.go what is chosen, and engineway.go how a
//     choice becomes steps. places.go says where libraries are looked for.
//   - conv2d.go, conv2dgrouped.go, convtranspose2d.go, linear.go, pool.go,
//     elementwise.go, norm.go, attention.go, tokens.go, upsample.go, concat.go,
//     flatten.go: the operators.
//   - preprocess.go, boxes.go, proposals.go, roialign.go, detections.go,
//     maskselect.go, maskpaste.go, keypoints.go: those of a detector. How many
//     boxes there are is known to the device only: launches are for all that there
//     may be, and what is not there is ABSENT or zero.
//   - border.go: tensors are (N, C, H, W) on the host. On the device a map is
//     (N, H, W, S), C rounded up to S, a multiple of 16 bytes, and the channels
//     that there are not are zero: kernels read 16 bytes at once. Both sides'
//     kernels are in kernel/border.cu.
//
// Results are the same to the bit in any batch and on any stream: each element is
// computed by one thread in one order, or by one block in one order, or of parts
// that are added up in one order.
package cuda
