//go:build linux && cgo && !nocuda

package cuda

import (
	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// To add a library: write a file engine_NAME.go with an engine of it, and let
// openEngines in enginechoice.go open it. Its package under internal calls the
// library; what else a library needs is in the comments of engine, enginePlan and
// operands. Nothing else has to know of it: products are measured, checked against
// our own kernels, cached and reported alike.

// A product is what engines compute, a convolution of one group, a phase of a
// transposed one or a fully connected layer:
//
//	y = act(x ∗ w + bias + residual)
//
// It has no addresses, so that it is a key: the same product of another layer has
// the same fastest engine.
type product struct {
	precision op.Precision
	in, out   element // of x and w; of y and residual, which is float32 for a wide result
	pictures  int     // that the maps are of: n is a multiple of it

	n, height, width, c int // of x, with the channels that there are not: pixels lie c elements apart
	o                   int // channels of y that there are
	stride              int // and how many elements pixels of y and residual lie apart, zeros for those that there are not
	columns             int // and how many the weights have, at least stride, with zeros
	yh, yw              int // of y
	at                  window

	residual op.Residual
	hr, wr   int // of the residual, 0 for none
	act      op.Act
}

// depth is how many products are added up for an element of y.
func (q *product) depth() int { return q.at.kernel[0] * q.at.kernel[1] * q.c }

// rows is how many pixels of y are made.
func (q *product) rows() int { return q.n * q.at.size[0] * q.at.size[1] }

// unit returns the product of one picture. Ways of computing are chosen for it,
// not for the batch that it is in, so that a picture has the same result to the
// bit in any batch.
func (q *product) unit() product {
	u := *q
	u.n, u.pictures = q.n/q.pictures, 1
	return u
}

// matrix reports whether the product is one of matrices, x (rows, c) and w, with
// pixels as rows.
func (q *product) matrix() bool {
	return q.at.kernel == pair{1, 1} && q.at.padding == pair{} && q.at.stride == pair{1, 1} &&
		q.at.size == pair{q.height, q.width} && q.whole()
}

// whole reports whether the product makes all of y: it is no phase of a transposed
// convolution.
func (q *product) whole() bool { return q.at.size == pair{q.yh, q.yw} }

// sameResidual reports whether there is none, or one as large as y: not one that is
// read at the nearest place.
func (q *product) sameResidual() bool {
	return q.residual == op.NoResidual || q.hr == q.yh && q.wr == q.yw
}

// operands are where a product finds what it works on. The weights of a precision
// lie one way only: float32's are (KH·KW·C, columns), a row for each tap and input
// channel; those of all others are (columns, KH·KW·C), a row for each output
// channel, in the element type of x (float32 with the last bits zero for tf32).
// Taps come before channels in both. A plan that asks for outputRows finds the
// latter in every precision.
type operands struct {
	x, residual, y operand // residual is a null pointer for none
	w, rows        operand // as above, and as outputRows has it
	bias           operand // (columns) of float32
	narrow         operand // (columns), the bias in the element type of y: bias itself for float32
	scratch        operand // as many bytes as the way wants, aligned to 256
}

// addresses are operands as the device has them.
type addresses struct{ x, residual, y, w, bias, narrow, scratch uint64 }

// An engine is a library that computes products. It is safe for concurrent use.
type engine interface {
	// name is what reports call it, "cublaslt 13.4".
	name() string

	// plans returns ways to compute a product, the most promising first, and none
	// for a product that the library does not do. They obey the precision: with
	// float32 no factor loses a bit. With an error nothing is returned that has to
	// be closed.
	plans(q product) ([]enginePlan, error)

	// outputRows reports whether plans may ask for that in float32.
	outputRows() bool

	// close gives the library's handle back, after all plans were closed.
	close() error
}

// An enginePlan is one way in which a library computes a product, prepared. It is
// safe for concurrent use.
type enginePlan interface {
	// name is what the profile calls it, "cublaslt/algo21". It says how, but not
	// for how many maps.
	name() string

	// scratch returns how many bytes of workspace it needs.
	scratch() int64

	// outputRows reports whether w is wanted as (columns, KH·KW·C) in float32, too.
	// All other precisions have it so.
	outputRows() bool

	// repeat returns the same way, with the same order of sums, for q, which
	// differs in n only. With an error the plan is run for each picture by itself.
	repeat(q product) (enginePlan, error)

	// run submits the work to a stream and does not wait: the stream may be
	// recorded. An error is the library's; the driver's own shows when the stream
	// is waited for.
	run(s *driver.Stream, a addresses) error

	close() error
}
