package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/argand-go/argand/internal/device"
)

// Step is code before or after a model, for [Preprocess] and [Postprocess]. It
// travels as handlers do, as the JSON of its exported fields, and its type is
// registered with [RegisterStep]. Do is called from many goroutines.
type Step[In, Out any] interface {
	Do(ctx context.Context, in In) (Out, error)
}

// RegisterStep makes the type of a step known to Beam, as [Register] does for
// handlers.
func RegisterStep[In, Out any](s Step[In, Out]) { runtime.RegisterType(typeOf(s)) }

// Preprocess is a handler that makes the examples of another, Python's
// with_preprocess_fn: In → P. Fn runs ahead, on several goroutines, while the
// model works, and in the stage of the model, so that what it makes crosses no
// stage. Results keep the In as their example. What Fn returns as an error
// fails one example, at [StagePreprocess] unless it is a [*StageError].
//
// Register beamio.Preprocess[In, E, P] besides the handler and the step. Weights
// and buckets are those of Fn's methods Weight(In) int and Bucket(In) string.
type Preprocess[In, E, P any] struct {
	Fn      Step[In, E]
	Handler ModelHandler[E, P]
}

// Postprocess is a handler that changes the predictions of another, Python's
// with_postprocess_fn: E → Out. What Fn returns as an error fails one example,
// at [StagePostprocess] unless it is a [*StageError].
//
// Register beamio.Postprocess[E, P, Out] besides the handler and the step.
type Postprocess[E, P, Out any] struct {
	Fn      Step[P, Out]
	Handler ModelHandler[E, P]
}

// packedPair is a step and a handler on their way to the workers.
type packedPair struct{ Fn, Handler packed }

func packPair(fn, h any) ([]byte, error) {
	var p packedPair
	var err error
	if p.Fn, err = pack(fn); err != nil {
		return nil, fmt.Errorf("Fn: %w", err)
	}
	if p.Handler, err = pack(h); err != nil {
		return nil, fmt.Errorf("Handler: %w", err)
	}
	return json.Marshal(p)
}

func unpackPair[F, H any](data []byte) (f F, h H, err error) {
	var p packedPair
	if err = json.Unmarshal(data, &p); err != nil {
		return f, h, err
	}
	if f, err = unpack[F](p.Fn); err != nil {
		return f, h, err
	}
	h, err = unpack[H](p.Handler)
	return f, h, err
}

func validatePair(fn, h any) error {
	switch {
	case fn == nil:
		return errors.New("Fn is nil")
	case h == nil:
		return errors.New("Handler is nil")
	}
	return errors.Join(validate(fn), validate(h))
}

// MarshalJSON packs the step and the handler.
func (p Preprocess[In, E, P]) MarshalJSON() ([]byte, error) { return packPair(p.Fn, p.Handler) }

// UnmarshalJSON unpacks them.
func (p *Preprocess[In, E, P]) UnmarshalJSON(data []byte) (err error) {
	p.Fn, p.Handler, err = unpackPair[Step[In, E], ModelHandler[E, P]](data)
	return err
}

// Validate implements what [ModelHandler] says of it.
func (p *Preprocess[In, E, P]) Validate() error { return validatePair(p.Fn, p.Handler) }

// ModelID returns the inner handler's.
func (p *Preprocess[In, E, P]) ModelID() string { return idOf(p.Handler, "") }

// PreferredBatch returns the inner handler's.
func (p *Preprocess[In, E, P]) PreferredBatch() (low, high int) { return preferredBatch(p.Handler) }

// WithPath returns a copy for another checkpoint, or nil if the inner handler
// cannot.
func (p *Preprocess[In, E, P]) WithPath(path string) ModelHandler[In, P] {
	if h := withPath(p.Handler, path); h != nil {
		return &Preprocess[In, E, P]{p.Fn, h}
	}
	return nil
}

func (p *Preprocess[In, E, P]) place() device.Options { return placeOf(p.Handler) }

func (p *Preprocess[In, E, P]) weigher() func(In) int { return weigher[In](p.Fn) }

func (p *Preprocess[In, E, P]) bucketer() func(In) string { return bucketer[In](p.Fn) }

// Load implements [ModelHandler].
func (p *Preprocess[In, E, P]) Load(ctx context.Context) (Model[In, P], error) {
	m, err := loadInner(ctx, p.Handler)
	if err != nil {
		return nil, err
	}
	return &Steps[In, any, P]{
		Prepare: func(ctx context.Context, in In) (any, error) {
			e, err := p.Fn.Do(ctx, in)
			if err != nil {
				return nil, err
			}
			return prepareInner(ctx, m, e)
		},
		Predict: func(ctx context.Context, batch []any) ([]P, error) { return predictInner(ctx, m, batch) },
		Network: m,
	}, nil
}

// MarshalJSON packs the step and the handler.
func (p Postprocess[E, P, Out]) MarshalJSON() ([]byte, error) { return packPair(p.Fn, p.Handler) }

// UnmarshalJSON unpacks them.
func (p *Postprocess[E, P, Out]) UnmarshalJSON(data []byte) (err error) {
	p.Fn, p.Handler, err = unpackPair[Step[P, Out], ModelHandler[E, P]](data)
	return err
}

// Validate implements what [ModelHandler] says of it.
func (p *Postprocess[E, P, Out]) Validate() error { return validatePair(p.Fn, p.Handler) }

// ModelID returns the inner handler's.
func (p *Postprocess[E, P, Out]) ModelID() string { return idOf(p.Handler, "") }

// PreferredBatch returns the inner handler's.
func (p *Postprocess[E, P, Out]) PreferredBatch() (low, high int) { return preferredBatch(p.Handler) }

// WithPath returns a copy for another checkpoint, or nil if the inner handler
// cannot.
func (p *Postprocess[E, P, Out]) WithPath(path string) ModelHandler[E, Out] {
	if h := withPath(p.Handler, path); h != nil {
		return &Postprocess[E, P, Out]{p.Fn, h}
	}
	return nil
}

func (p *Postprocess[E, P, Out]) place() device.Options { return placeOf(p.Handler) }

func (p *Postprocess[E, P, Out]) weigher() func(E) int { return weigher[E](p.Handler) }

func (p *Postprocess[E, P, Out]) bucketer() func(E) string { return bucketer[E](p.Handler) }

// Load implements [ModelHandler].
func (p *Postprocess[E, P, Out]) Load(ctx context.Context) (Model[E, Out], error) {
	m, err := loadInner(ctx, p.Handler)
	if err != nil {
		return nil, err
	}
	if _, ok := m.(stepped[E, P]); !ok {
		return &postprocessed[E, P, Out]{m, p.Fn}, nil
	}
	return &Steps[E, any, Out]{
		Prepare: func(ctx context.Context, e E) (any, error) { return prepareInner(ctx, m, e) },
		Predict: func(ctx context.Context, batch []any) ([]Out, error) {
			predictions, err := predictInner(ctx, m, batch)
			return postprocess(ctx, p.Fn, len(batch), predictions, err)
		},
		Network: m,
	}, nil
}

// postprocessed is a loaded [Postprocess] of a model without steps.
type postprocessed[E, P, Out any] struct {
	model Model[E, P]
	fn    Step[P, Out]
}

// Infer implements [Model].
func (m *postprocessed[E, P, Out]) Infer(ctx context.Context, batch []E) ([]Out, error) {
	predictions, err := m.model.Infer(ctx, batch)
	return postprocess(ctx, m.fn, len(batch), predictions, err)
}

// Bytes returns the inner model's.
func (m *postprocessed[E, P, Out]) Bytes() int64 { return bytesOf(m.model) }

// Close closes the inner model.
func (m *postprocessed[E, P, Out]) Close() error {
	if c, ok := m.model.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (m *postprocessed[E, P, Out]) device() string { return deviceOf(m.model) }

// postprocess changes what a model has returned for a batch of n. The examples
// that failed stay failed.
func postprocess[P, Out any](ctx context.Context, fn Step[P, Out], n int, predictions []P, err error) ([]Out, error) {
	each, err := perExample(n, len(predictions), err)
	if err != nil {
		return nil, err
	}
	out, errs := make([]Out, n), make(ExampleErrors, n)
	copy(errs, each)
	for i, p := range predictions {
		if errs[i] != nil {
			continue
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if out[i], err = guarded(func() (Out, error) { return fn.Do(ctx, p) }); err != nil {
			stage, cause := stageOf(err, StagePostprocess)
			errs[i] = &StageError{stage, cause}
		}
	}
	if len(errs.Unwrap()) > 0 {
		return out, errs
	}
	return out, nil
}

func loadInner[E, P any](ctx context.Context, h ModelHandler[E, P]) (Model[E, P], error) {
	m, err := h.Load(ctx)
	if err == nil && m == nil {
		err = fmt.Errorf("%T.Load returned neither a model nor an error", h)
	}
	return m, err
}

// prepareInner is the first step of an inner model, if it has one.
func prepareInner[E, P any](ctx context.Context, m Model[E, P], e E) (any, error) {
	if s, ok := m.(stepped[E, P]); ok {
		return s.prepare(ctx, e)
	}
	return e, nil
}

// predictInner runs an inner model on what prepareInner has made.
func predictInner[E, P any](ctx context.Context, m Model[E, P], batch []any) ([]P, error) {
	if s, ok := m.(stepped[E, P]); ok {
		return s.predict(ctx, batch)
	}
	examples := make([]E, len(batch))
	for i, v := range batch {
		examples[i], _ = v.(E) // nil stands for a nil interface
	}
	return m.Infer(ctx, examples)
}
