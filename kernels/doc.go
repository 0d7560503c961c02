// Package kernels is the CPU backend: [CPU] runs the networks of package nn on
// the machine's cores, with AVX-512 or AVX2 where there is, and with portable
// Go everywhere else (and everywhere with the build tag purego).
//
// Read it in the order in which a network passes through it.
//
//   - cpu.go and model.go: loading. Each operator gets what it needs that does
//     not depend on shapes; pack.go lays the weights out for the tiles.
//   - program.go: planning for input shapes. Each operator becomes one or more
//     steps, each step a [kernel]; values get their places in one arena.
//   - run.go, arena.go, parallel.go: running the steps, in memory from a pool
//     and on cores from a budget.
//   - product.go: everything that has weights is one kernel, an implicit matrix
//     product; conv2d.go, convtranspose2d.go and linear.go say which. Large
//     3×3 convolutions take winograd.go instead, and depthwise ones depthwise.go.
//   - attention.go: two products whose right sides are no weights, packed as those
//     are by a step of its own.
//   - pool.go, groupnorm.go, layernorm.go, l2norm.go, elementwise.go, upsample.go,
//     flatten.go, tokens.go, select.go and border.go: the layers without a product.
//   - preprocess.go and maskpaste.go with bilinear.go, roialign.go, proposals.go,
//     detections.go, densedetections.go, ssddetections.go, maskselect.go with boxes.go, nms.go, topk.go
//     and objects.go: detectors, as loops to hold against torchvision.
//
// # Layout
//
// Inside, an image is (N, H, W, C): the channels of a pixel are contiguous, so
// that every kernel is a loop over channels. The distance between pixels, the
// stride, may be more than C (see [strideFor]). A matrix (N, C) is an image of
// 1×1 pixels. Networks' inputs and outputs are converted at the border.
//
// # Bit-equal results
//
// On one tier a result depends on neither the number of threads nor the other
// images of a batch nor the time of day: every element is computed by one
// thread in one order, and work is divided along outputs only.
package kernels
