package beamio

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

// Register makes the type of a handler, and what is needed to run it, known to
// Beam. It must be called for each type of handler that a pipeline uses, in an
// init function or at least before beam.Init, where Beam panics otherwise.
func Register[E, P any](h ModelHandler[E, P]) {
	runtime.RegisterType(typeOf(h)) // not beam.RegisterType: a handler is no row and may have any fields
	registerRow(reflect.TypeFor[PredictionResult[E, P]]())
	registerRow(reflect.TypeFor[Failure[E]]())
	register.Emitter2[beam.EventTime, PredictionResult[E, P]]()
	register.Emitter2[beam.EventTime, Failure[E]]()
	register.Emitter3[beam.EventTime, beam.T, PredictionResult[E, P]]()
	register.Emitter3[beam.EventTime, beam.T, Failure[E]]()
	if isRegistered[inferFn[E, P]]() { // with another handler of the same types
		return
	}
	registerDoFn(&inferFn[E, P]{}, func(
		f func(context.Context, beam.EventTime, E, resultEmitter[E, P], failureEmitter[E]) error, a []any,
	) []any {
		return []any{f(a[0].(context.Context), a[1].(beam.EventTime), a[2].(E),
			a[3].(resultEmitter[E, P]), a[4].(failureEmitter[E]))}
	})
	registerDoFn(&keyedInferFn[E, P]{}, func(
		f func(context.Context, beam.EventTime, beam.T, E, keyedResultEmitter[E, P], keyedFailureEmitter[E]) error, a []any,
	) []any {
		return []any{f(a[0].(context.Context), a[1].(beam.EventTime), a[2], a[3].(E),
			a[4].(keyedResultEmitter[E, P]), a[5].(keyedFailureEmitter[E]))}
	})
	registerTagged[E, P]()
}

func isRegistered[T any]() bool {
	key, ok := runtime.TypeKey(reflect.TypeFor[T]())
	if ok {
		_, ok = runtime.LookupType(key)
	}
	return ok
}

// RunInference runs the handler's model on every element of col.
//
// A PCollection<E> becomes a PCollection<[PredictionResult]>, and a
// PCollection<KV<K, E>>, of any type K, becomes a
// PCollection<KV<K, PredictionResult>>. Elements keep their windows and
// timestamps; those of a bundle keep their order, but for those of different
// models or buckets. An example that fails fails its bundle, which runners retry
// or give up; see [RunInferenceDLQ].
//
// Batches do not reach over bundles without [WithBatchDelay]. In session and
// sliding windows every example is a batch by itself without it.
//
// Like Beam's own transforms it panics when the pipeline cannot be built so;
// [TryRunInference] returns an error.
func RunInference[E, P any](
	s beam.Scope, h ModelHandler[E, P], col beam.PCollection, opts ...Option,
) beam.PCollection {
	return beam.Must(TryRunInference(s, h, col, opts...))
}

// TryRunInference is [RunInference] returning an error: a handler that is not
// registered, not valid or not complete in its exported fields, options that
// contradict each other, or a collection of another type.
func TryRunInference[E, P any](
	s beam.Scope, h ModelHandler[E, P], col beam.PCollection, opts ...Option,
) (beam.PCollection, error) {
	results, _, err := apply(s, h, col, true, opts)
	return results, err
}

// RunInferenceDLQ is [RunInference] with a second output, the dead letters:
// a PCollection<[Failure]>, or PCollection<KV<K, Failure>>, of the examples
// that failed, each with the stage and the reason. Together the two outputs
// have as many elements as col. A model that cannot be loaded still fails the
// bundle.
func RunInferenceDLQ[E, P any](
	s beam.Scope, h ModelHandler[E, P], col beam.PCollection, opts ...Option,
) (results, failures beam.PCollection) {
	results, failures, err := TryRunInferenceDLQ(s, h, col, opts...)
	if err != nil {
		panic(err)
	}
	return results, failures
}

// TryRunInferenceDLQ is [RunInferenceDLQ] returning the errors of
// [TryRunInference].
func TryRunInferenceDLQ[E, P any](
	s beam.Scope, h ModelHandler[E, P], col beam.PCollection, opts ...Option,
) (results, failures beam.PCollection, err error) {
	return apply(s, h, col, false, opts)
}

func apply[E, P any](
	s beam.Scope, h ModelHandler[E, P], col beam.PCollection, strict bool, opts []Option,
) (results, failures beam.PCollection, err error) {
	fail := func(err error) (beam.PCollection, beam.PCollection, error) {
		return beam.PCollection{}, beam.PCollection{}, fmt.Errorf("beamio.RunInference(%T): %w", h, err)
	}
	if !s.IsValid() || !col.IsValid() {
		return fail(errors.New("invalid scope or collection"))
	}
	isKeyed, err := checkCollection(h, col)
	if err != nil {
		return fail(err)
	}
	handler, err := pack(h)
	if err != nil {
		return fail(err)
	}
	set, err := newSettings(h, strict, opts)
	if err != nil {
		return fail(err)
	}
	s = s.Scope("beamio.RunInference")
	in := col
	if set.Updated { // in the windows of the collection
		if in, err = tag[E](s, isKeyed, in, *set.updates); err != nil {
			return fail(err)
		}
	}
	in, restore := unwindowed(s, in, &set)
	spec, err := json.Marshal(inferSpec{set, handler})
	if err != nil {
		return fail(err)
	}
	out, err := beam.TryParDo(s, newInferFn[E, P](string(spec), isKeyed, set.Updated), in)
	if err != nil {
		return fail(err)
	}
	results, failures = restore(out[0]), restore(out[1])
	if set.threshold != nil {
		limitFailures(s, *set.threshold, isKeyed, results, failures)
	}
	return results, failures, nil
}

func newInferFn[E, P any](spec string, isKeyed, isTagged bool) any {
	switch {
	case isKeyed && isTagged:
		return &keyedTaggedInferFn[E, P]{Spec: spec}
	case isKeyed:
		return &keyedInferFn[E, P]{Spec: spec}
	case isTagged:
		return &taggedInferFn[E, P]{Spec: spec}
	}
	return &inferFn[E, P]{Spec: spec}
}

// checkCollection reports whether col holds KV<K, E> and not E, and whether the
// handler can do with that.
func checkCollection[E, P any](h ModelHandler[E, P], col beam.PCollection) (isKeyed bool, err error) {
	want, t := reflect.TypeFor[E](), col.Type()
	value, isKeyed := t, typex.IsKV(t)
	if isKeyed {
		value = t.Components()[1]
	}
	if value.Type() != want {
		return false, fmt.Errorf("the collection holds %v; want %v or KV<K, %v>", t, want, want)
	}
	if k, ok := h.(interface{ keyType() reflect.Type }); ok {
		if want := k.keyType(); !isKeyed || t.Components()[0].Type() != want {
			return false, fmt.Errorf("the collection holds %v; want KV<%v, %v>", t, want, value)
		}
	}
	return isKeyed, nil
}

func newSettings[E, P any](h ModelHandler[E, P], strict bool, opts []Option) (settings, error) {
	set := settings{Namespace: DefaultNamespace, Strict: strict}
	if err := validate(h); err != nil {
		return set, err
	}
	for _, o := range opts {
		o(&set)
	}
	if wantsGPU(h) {
		set.Concurrency = cmp.Or(set.Concurrency, gpuBatches)
		set.Delay = cmp.Or(set.Delay, gpuDelay)
	}
	_, cohorts := h.(interface{ keyType() reflect.Type })
	updated := set.Updated || set.WatchGlob != ""
	set.need(!cohorts || !updated, "updates of the models of a PerKey")
	set.need(cohorts || !updated || withPath(h, "x") != nil, "updates of a %T without a method WithPath", h)
	set.need(cohorts || set.MaxWeight == 0 || weigher[E](h) != nil, "batch weights of a %T without a method Weight", h)
	if !set.sized && !cohorts {
		set.errs = append(set.errs, checkPreferred(h))
	}
	if set.Updated && !set.limited() {
		set.MaxModels = 2
	}
	return set, set.check()
}
