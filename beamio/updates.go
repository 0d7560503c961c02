package beamio

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[update]())
	beam.RegisterDoFn(reflect.TypeOf(&updateFn{}))
	register.Iter1[update]()
}

// update is a checkpoint of [WithModelUpdates].
type update struct {
	Path string
	At   int64 // its timestamp, in milliseconds
}

// updateFn notes timestamps, which side inputs do not tell.
type updateFn struct{}

// ProcessElement makes an update of a path.
func (*updateFn) ProcessElement(at beam.EventTime, path string) update {
	return update{path, int64(at)}
}

// tagged is an example that says which checkpoint it wants.
type tagged[E any] struct {
	Path    string // "" for the handler's own
	Example E
}

// latest returns the checkpoint of the latest of the updates, or of equals the last
// by path.
func latest(next func(*update) bool) string {
	var best, u update
	for next(&u) {
		if u.Path != "" && (best.Path == "" || u.At > best.At || u.At == best.At && u.Path > best.Path) {
			best = u
		}
	}
	return best.Path
}

// tagFn reads the side input for a stage that must have none: FinishBundle
// would read it for the global window.
type tagFn[E any] struct{}

// ProcessElement tags an example.
func (*tagFn[E]) ProcessElement(e E, updates func(*update) bool) tagged[E] {
	return tagged[E]{latest(updates), e}
}

// keyedTagFn is [tagFn] for keyed collections.
type keyedTagFn[E any] struct{}

// ProcessElement tags an example.
func (*keyedTagFn[E]) ProcessElement(key beam.T, e E, updates func(*update) bool) (beam.T, tagged[E]) {
	return key, tagged[E]{latest(updates), e}
}

// taggedInferFn is [inferFn] for tagged examples.
type taggedInferFn[E, P any] struct {
	Spec string // inferSpec as JSON

	worker worker[E, P]
}

// StartBundle forgets what a bundle that failed has left behind.
func (f *taggedInferFn[E, P]) StartBundle(_ context.Context, _ resultEmitter[E, P], _ failureEmitter[E]) error {
	return f.worker.start(f.Spec)
}

// ProcessElement takes an example in, and may run a batch.
func (f *taggedInferFn[E, P]) ProcessElement(
	ctx context.Context, at beam.EventTime, t tagged[E], result resultEmitter[E, P], failure failureEmitter[E],
) error {
	return f.worker.add(ctx, &item[E, P]{at: at, path: t.Path, example: t.Example}, unkeyed(result, failure))
}

// FinishBundle runs what is left.
func (f *taggedInferFn[E, P]) FinishBundle(
	ctx context.Context, result resultEmitter[E, P], failure failureEmitter[E],
) error {
	return f.worker.finish(ctx, unkeyed(result, failure))
}

// keyedTaggedInferFn is [keyedInferFn] for tagged examples.
type keyedTaggedInferFn[E, P any] struct {
	Spec string // inferSpec as JSON

	worker worker[E, P]
}

// StartBundle forgets what a bundle that failed has left behind.
func (f *keyedTaggedInferFn[E, P]) StartBundle(
	_ context.Context, _ keyedResultEmitter[E, P], _ keyedFailureEmitter[E],
) error {
	return f.worker.start(f.Spec)
}

// ProcessElement takes an example in, and may run a batch.
func (f *keyedTaggedInferFn[E, P]) ProcessElement(
	ctx context.Context, at beam.EventTime, key beam.T, t tagged[E],
	result keyedResultEmitter[E, P], failure keyedFailureEmitter[E],
) error {
	return f.worker.add(ctx, &item[E, P]{at: at, key: key, path: t.Path, example: t.Example}, keyed(result, failure))
}

// FinishBundle runs what is left.
func (f *keyedTaggedInferFn[E, P]) FinishBundle(
	ctx context.Context, result keyedResultEmitter[E, P], failure keyedFailureEmitter[E],
) error {
	return f.worker.finish(ctx, keyed(result, failure))
}

// registerTagged leaves it to reflection to call these DoFns: what Beam's package
// register makes of a DoFn takes long and much memory to compile.
func registerTagged[E, P any]() {
	registerRow(reflect.TypeFor[tagged[E]]())
	beam.RegisterDoFn(reflect.TypeOf(&tagFn[E]{}))
	beam.RegisterDoFn(reflect.TypeOf(&keyedTagFn[E]{}))
	beam.RegisterDoFn(reflect.TypeOf(&taggedInferFn[E, P]{}))
	beam.RegisterDoFn(reflect.TypeOf(&keyedTaggedInferFn[E, P]{}))
}

// tag gives examples the paths of their checkpoints.
func tag[E any](s beam.Scope, isKeyed bool, col, updates beam.PCollection) (beam.PCollection, error) {
	if !updates.IsValid() || updates.Type().Type() != reflect.TypeFor[string]() || typex.IsKV(updates.Type()) {
		return beam.PCollection{}, errors.New("WithModelUpdates wants a collection of paths, of strings")
	}
	var fn any = &tagFn[E]{}
	if isKeyed {
		fn = &keyedTagFn[E]{}
	}
	side := beam.SideInput{Input: beam.ParDo(s, &updateFn{}, updates)}
	out, err := beam.TryParDo(s, fn, col, side)
	if err != nil {
		return beam.PCollection{}, fmt.Errorf("WithModelUpdates: %w", err)
	}
	return out[0], nil
}

// withPath returns a copy of a handler for another checkpoint, nil if it cannot
// make one.
func withPath[E, P any](h ModelHandler[E, P], path string) ModelHandler[E, P] {
	if w, ok := h.(interface {
		WithPath(string) ModelHandler[E, P]
	}); ok {
		return w.WithPath(path)
	}
	return nil
}

// nameOfModel returns what metrics call a checkpoint: its file's name without
// the directory and what follows the last dot.
func nameOfModel(path string) string {
	name := path[strings.LastIndex(path, "/")+1:]
	if i := strings.LastIndex(name, "."); i > 0 {
		name = name[:i]
	}
	return name
}
