package beamio

import (
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
	runtime.RegisterType(handlerType(h)) // not beam.RegisterType: a handler is no row and may have any fields
	beam.RegisterType(reflect.TypeFor[PredictionResult[E, P]]())
	beam.RegisterType(reflect.TypeFor[Failure[E]]())
	register.DoFn5x1[context.Context, beam.EventTime, E, resultEmitter[E, P], failureEmitter[E], error](&inferFn[E, P]{})
	register.DoFn6x1[context.Context, beam.EventTime, beam.T, E, keyedResultEmitter[E, P], keyedFailureEmitter[E], error](
		&keyedInferFn[E, P]{})
	register.Emitter2[beam.EventTime, PredictionResult[E, P]]()
	register.Emitter2[beam.EventTime, Failure[E]]()
	register.Emitter3[beam.EventTime, beam.T, PredictionResult[E, P]]()
	register.Emitter3[beam.EventTime, beam.T, Failure[E]]()
}

// RunInference runs the handler's model on every element of col.
//
// A PCollection<E> becomes a PCollection<[PredictionResult]>, and a
// PCollection<KV<K, E>>, of any type K, becomes a
// PCollection<KV<K, PredictionResult>>. Elements keep their windows and
// timestamps; those of a bundle keep their order. An example that fails fails
// its bundle, which runners retry or give up; see [RunInferenceDLQ].
//
// Batches never reach over bundles. In session and sliding windows every
// example is a batch by itself.
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
	keyed, err := isKeyed[E](col)
	if err != nil {
		return fail(err)
	}
	data, err := encodeHandler(h)
	if err != nil {
		return fail(err)
	}
	set, err := newSettings(h, opts)
	if err != nil {
		return fail(err)
	}
	set.Strict = strict
	s = s.Scope("beamio.RunInference")
	in, restore := unwindowed(s, col, &set)
	spec, err := json.Marshal(inferSpec{set, beam.EncodedType{T: handlerType(h)}, data})
	if err != nil {
		return fail(err)
	}
	var fn any = &inferFn[E, P]{Spec: string(spec)}
	if keyed {
		fn = &keyedInferFn[E, P]{Spec: string(spec)}
	}
	out, err := beam.TryParDo(s, fn, in)
	if err != nil {
		return fail(err)
	}
	return restore(out[0]), restore(out[1]), nil
}

// isKeyed reports whether col holds KV<K, E> and not E.
func isKeyed[E any](col beam.PCollection) (bool, error) {
	want, t := reflect.TypeFor[E](), col.Type()
	value, keyed := t, typex.IsKV(t)
	if keyed {
		value = t.Components()[1]
	}
	if value.Type() != want {
		return false, fmt.Errorf("the collection holds %v; want %v or KV<K, %v>", t, want, want)
	}
	return keyed, nil
}

func newSettings[E, P any](h ModelHandler[E, P], opts []Option) (settings, error) {
	if v, ok := h.(interface{ Validate() error }); ok {
		if err := v.Validate(); err != nil {
			return settings{}, err
		}
	}
	set := settings{MinBatch: 1, MaxBatch: 1024, Namespace: DefaultNamespace}
	if p, ok := h.(interface{ PreferredBatch() (low, high int) }); ok {
		set.MinBatch, set.MaxBatch = p.PreferredBatch()
	}
	for _, o := range opts {
		o(&set)
	}
	if set.MinBatch < 1 || set.MaxBatch < set.MinBatch {
		return set, fmt.Errorf("batch size from %d to %d; want 1 ≤ min ≤ max", set.MinBatch, set.MaxBatch)
	}
	if set.Namespace == "" {
		return set, errors.New("the namespace of the metrics is empty")
	}
	return set, nil
}

// inferSpec is what travels to the workers.
type inferSpec struct {
	Settings settings
	Type     beam.EncodedType // of the handler
	Handler  json.RawMessage
}

// handlerType returns the handler's type, without the pointer.
func handlerType(h any) reflect.Type {
	t := reflect.TypeOf(h)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// encodeHandler checks that a handler can travel, and packs it.
func encodeHandler(h any) (json.RawMessage, error) {
	t := handlerType(h)
	if t == nil || (reflect.ValueOf(h).Kind() == reflect.Pointer && reflect.ValueOf(h).IsNil()) {
		return nil, errors.New("the handler is nil")
	}
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("a handler must be a struct, not a %v", t.Kind())
	}
	key, named := runtime.TypeKey(t)
	if known, ok := runtime.LookupType(key); !named || !ok || known != t {
		return nil, fmt.Errorf("the handler is not registered: call beamio.Register(&%v{}) in an init function", t)
	}
	v := reflect.Indirect(reflect.ValueOf(h))
	_, own := h.(json.Marshaler) // which may well carry what is not exported
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() && !own && !v.Field(i).IsZero():
			return nil, fmt.Errorf("field %s is not exported and would be lost on the way to the workers", f.Name)
		case f.IsExported() && !own && f.Type.Kind() == reflect.Interface && !v.Field(i).IsNil():
			return nil, fmt.Errorf("field %s is an interface and would be lost on the way to the workers", f.Name)
		}
	}
	data, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("the handler has no JSON: %w", err)
	}
	return data, nil
}

// decodeSpec unpacks what apply has packed. The last result is what the model
// is kept under.
func decodeSpec[E, P any](spec string) (settings, ModelHandler[E, P], string, error) {
	var s inferSpec
	fail := func(err error) (settings, ModelHandler[E, P], string, error) {
		return settings{}, nil, "", fmt.Errorf("beamio: the handler did not arrive: %w", err)
	}
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fail(err)
	}
	v := reflect.New(s.Type.T)
	if err := json.Unmarshal(s.Handler, v.Interface()); err != nil {
		return fail(err)
	}
	h, ok := v.Interface().(ModelHandler[E, P])
	if !ok {
		return fail(fmt.Errorf("%v is no ModelHandler", v.Type()))
	}
	key := fmt.Sprintf("%s.%s ", s.Type.T.PkgPath(), s.Type.T.Name())
	if s.Settings.ModelID != "" {
		key += "ID " + s.Settings.ModelID
	} else {
		key += string(s.Handler)
		s.Settings.ModelID = s.Type.T.String()
		if m, ok := h.(interface{ ModelID() string }); ok {
			s.Settings.ModelID = m.ModelID()
		}
	}
	return s.Settings, h, key, nil
}
