package beamio

import (
	"context"
	"io"
)

// Steps is a [Model] whose work comes in two steps: Prepare makes a T of each
// example, say by reading and decoding a file, and Predict runs a batch of
// them. [RunInference] prepares the examples of coming batches on several
// goroutines while one batch is run; results keep their order all the same.
type Steps[E, T, P any] struct {
	// Prepare makes one example ready. It is called from many goroutines. An
	// error concerns this example alone.
	Prepare func(ctx context.Context, e E) (T, error)

	// Predict is [Model]'s Infer for examples that are ready.
	Predict func(ctx context.Context, batch []T) ([]P, error)

	// Network is what the model runs on, or nil. If it has methods
	// Bytes() int64 and Close() error they are the model's.
	Network any
}

// Infer implements [Model]: Prepare, one after the other, then Predict.
func (s *Steps[E, T, P]) Infer(ctx context.Context, batch []E) ([]P, error) {
	errs := make(ExampleErrors, len(batch))
	ready := make([]T, 0, len(batch))
	index := make([]int, 0, len(batch))
	for i, e := range batch {
		t, err := s.Prepare(ctx, e)
		if err != nil {
			stage, cause := stageOf(err, StagePreprocess)
			errs[i] = &StageError{stage, cause}
			continue
		}
		ready, index = append(ready, t), append(index, i)
	}
	out := make([]P, len(batch))
	if len(ready) > 0 {
		part, err := s.Predict(ctx, ready)
		each, err := perExample(len(ready), len(part), err)
		if err != nil {
			return nil, err
		}
		for k, i := range index {
			if out[i] = part[k]; each != nil {
				errs[i] = each[k]
			}
		}
	}
	if len(errs.Unwrap()) > 0 {
		return out, errs
	}
	return out, nil
}

// Bytes returns how much memory the network takes, 0 if it does not tell.
func (s *Steps[E, T, P]) Bytes() int64 { return bytesOf(s.Network) }

// Close closes the network.
func (s *Steps[E, T, P]) Close() error {
	if c, ok := s.Network.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (s *Steps[E, T, P]) device() string { return deviceOf(s.Network) }

func (s *Steps[E, T, P]) prepare(ctx context.Context, e E) (any, error) { return s.Prepare(ctx, e) }

func (s *Steps[E, T, P]) predict(ctx context.Context, batch []any) ([]P, error) {
	ts := make([]T, len(batch))
	for i, v := range batch {
		ts[i], _ = v.(T) // of our own prepare; nil stands for a nil interface
	}
	return s.Predict(ctx, ts)
}

// stepped is what a bundle sees of [Steps]: T is no business of the transform.
type stepped[E, P any] interface {
	prepare(ctx context.Context, e E) (any, error)
	predict(ctx context.Context, batch []any) ([]P, error)
}

// perExample checks what a model returned for a batch of n. It returns an error
// for each example, or nil if all went well, or an error for the batch.
func perExample(n, predictions int, err error) (ExampleErrors, error) {
	each, ok := err.(ExampleErrors)
	switch {
	case err != nil && !ok:
		return nil, err
	case ok && len(each) != n:
		return nil, &CountError{"errors", len(each), n}
	case predictions != n:
		return nil, &CountError{"predictions", predictions, n}
	}
	return each, nil
}

// bytesOf returns how much memory a model takes, 0 if it does not tell.
func bytesOf(v any) int64 {
	if b, ok := v.(interface{ Bytes() int64 }); ok {
		return b.Bytes()
	}
	return 0
}
