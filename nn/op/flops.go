package op

// FLOPs returns how many floating-point operations the formula of o takes for
// the given operands and results, a multiply-add counting as two. It is the
// measure in which networks are compared:
//
//   - Convolutions and linear layers count their sums, whatever algorithm
//     computes them (Winograd's does fewer), padding included and the epilogue
//     not.
//   - Batch norms count two per element, L2 norms four, group norms five, layer
//     norms seven, additions (of positions too), products and global averages
//     one, RoIAlign the four multiply-adds of every sample, and attention its
//     two products.
//   - What only moves, compares or selects counts nothing, and so do
//     activations.
//
// The arguments must be valid for o, as [Op.Infer] has them. A caller that
// knows how many rows are meaningful (see [Graph.CountedRows]) passes specs of
// so many rows.
func FLOPs(o Op, in, out []Spec) int64 {
	elements := func(s []Spec) int64 { return int64(s[0].Shape.Len()) }
	switch o := o.(type) {
	case *Conv2d: // each result is a sum over C/G·KH·KW
		return 2 * elements(out) * int64(o.Weight.Shape()[1:].Len())
	case *ConvTranspose2d: // each operand is spread to O·KH·KW
		return 2 * elements(in) * int64(o.Weight.Shape()[1:].Len())
	case *Linear:
		return 2 * elements(out) * int64(o.Weight.Shape()[1])
	case *BatchNorm2d:
		return 2 * elements(out)
	case *GroupNorm: // two sums, and then as a batch norm
		return 5 * elements(out)
	case *LayerNorm: // one for the mean, three for the variance, three for the result
		return 7 * elements(out)
	case *Attention:
		return 4 * elements(out) * int64(out[0].Shape[2:].Len())
	case *Add, *Mul, *Tokens:
		return elements(out)
	case *L2Norm: // two for the length, two for the result
		return 4 * elements(out)
	case *GlobalAvgPool2d:
		return elements(in)
	case *RoIAlign:
		return 8 * elements(out) * int64(o.Sampling) * int64(o.Sampling)
	}
	return 0
}
