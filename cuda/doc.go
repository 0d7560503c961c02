// Package cuda is the backend for NVIDIA's GPUs: [Open] returns one that runs
// networks in float32, and [Probe] finds the driver and the devices, and tells
// everything it tried.
//
// The driver, libcuda, is opened when the program runs, so that nothing of CUDA
// is needed to build, and one program runs with a GPU and without. That takes
// cgo and Linux; without them, or with the build tag nocuda, Open and Probe say
// so.
//
// # What runs, and what does not
//
// Nothing has run on a GPU yet. Everything is tested through a driver that runs
// the kernels on a CPU, in five orders of threads: all operators of package op,
// and so the detectors, from the picture to the masks without the host. A
// RoIAlign has at most five levels, and thresholds of NMS are not below 0. What
// has weights is an implicit matrix product in exact float32, but for
// convolutions in groups, which are loops as their formula stands. A product
// has a block for each 128 pixels × 64 channels: the last layers of a ResNet
// leave most of a GPU idle on one picture. There are no tensor cores and no
// lower precision.
//
// # Reading
//
// The files are those of package kernels, the CPU backend, for the same things.
//
//   - cuda.go, model.go and weights.go: loading. Kernels come from package
//     kernel; weights are laid out on the host and uploaded once.
//   - program.go: planning for input shapes. Each operator becomes a launch of a
//     kernel; values get their places in one arena.
//   - run.go and arena.go: a run has a stream, an arena and memory of the host
//     that the device copies by itself, from a pool. It submits its steps in one
//     call, and from the second run of a shape on, with the copies, as a CUDA
//     graph.
//   - ondevice.go, stream.go and lend.go: running on memory that is on the device
//     already, in the context and on the stream of another library of the program.
//   - conv2d.go, convtranspose2d.go, linear.go, pool.go, elementwise.go,
//     upsample.go, flatten.go: the operators.
//   - boxes.go, proposals.go, roialign.go, detections.go, maskselect.go: those of
//     a detector. How many boxes there are is known to the device only: launches
//     are for all that there may be, and what is not there is ABSENT or zero.
//   - border.go: tensors are (N, C, H, W) on the host. On the device a map is
//     (N, H, W, S), C rounded up to S, a multiple of four, and the channels that
//     there are not are zero: kernels read four at once. Both sides' kernels are
//     in kernel/border.cu.
//
// Results are the same to the bit in any batch and on any stream: each element is
// computed by one thread in one order, or by one block in one order.
package cuda
