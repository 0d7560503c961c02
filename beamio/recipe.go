package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
)

// recipe is a model by name: what loads it, what it is called, and how its
// examples are put into batches.
type recipe[E, P any] struct {
	handler   ModelHandler[E, P]
	key       string // in the registry
	id        string // that results carry
	prefix    string // of metrics that are told besides the totals; "" for none
	update    bool   // its checkpoint came with the examples, which fail if it does not load
	low, high int    // sizes of batches
	sizes     *sizer
	watch     *watch[E, P]   // of which it is a version; nil for none
	weight    func(E) int    // nil: does not matter
	bucket    func(E) string // nil: all are alike
}

// newRecipe returns the recipe of a handler, whose type and fields are packed.
func newRecipe[E, P any](h ModelHandler[E, P], p packed, set *settings) *recipe[E, P] {
	r := &recipe[E, P]{handler: h, low: set.MinBatch, high: set.MaxBatch}
	r.key = fmt.Sprintf("%s.%s ", p.Type.T.PkgPath(), p.Type.T.Name())
	if r.id = set.ModelID; r.id != "" {
		r.key += "ID " + r.id
	} else {
		r.key += string(p.Fields)
		r.id = idOf(h, p.Type.T.String())
	}
	if set.seats() > 1 {
		r.key += fmt.Sprintf(" %d×%d", max(set.Copies, 1), max(set.Concurrency, 1))
	}
	r.settle(set)
	return r
}

// settle fills in what follows from the handler.
func (r *recipe[E, P]) settle(set *settings) {
	if r.high == 0 {
		r.low, r.high = preferredBatch(r.handler)
	}
	if r.sizes == nil { // the versions of a checkpoint have one
		r.sizes = &models.recordOf(r.key).sizes
	}
	if r.weight = nil; set.MaxWeight > 0 {
		r.weight = weigher[E](r.handler)
	}
	r.bucket = bucketer[E](r.handler)
}

// at returns the recipe for another checkpoint. The version tells apart files
// that had the same path.
func (r *recipe[E, P]) at(path, version string, set *settings) (*recipe[E, P], error) {
	u := *r
	if u.handler = withPath(r.handler, path); u.handler == nil {
		return nil, fmt.Errorf("%T has no other checkpoint: no method WithPath, or it returned nil", r.handler)
	}
	u.key = fmt.Sprintf("%s at %s %s", r.key, path, version)
	u.id = idOf(u.handler, path)
	u.prefix = r.prefix + nameOfModel(path) + "_"
	u.settle(set)
	return &u, nil
}

func (r *recipe[E, P]) want(set *settings, keep bool) want {
	return want{
		key: r.key, id: r.id, copies: set.Copies, threads: set.Concurrency,
		maxModels: set.MaxModels, maxBytes: set.MaxBytes, keep: keep,
		load: func(ctx context.Context) (any, error) {
			m, err := r.handler.Load(ctx)
			if err != nil || m == nil {
				return nil, err // and not an interface that holds a nil one
			}
			return m, nil
		},
	}
}

// weigher returns a handler's Weight, nil if it has none.
func weigher[E any](h any) func(E) int {
	switch w := h.(type) {
	case interface{ weigher() func(E) int }:
		return w.weigher()
	case interface{ Weight(E) int }:
		return w.Weight
	}
	return nil
}

// bucketer returns a handler's Bucket, nil if it has none.
func bucketer[E any](h any) func(E) string {
	switch b := h.(type) {
	case interface{ bucketer() func(E) string }:
		return b.bucketer()
	case interface{ Bucket(E) string }:
		return b.Bucket
	}
	return nil
}

func preferredBatch(h any) (low, high int) {
	if p, ok := h.(interface{ PreferredBatch() (low, high int) }); ok {
		return p.PreferredBatch()
	}
	return 1, 1024
}

// checkPreferred returns an error if no batch can be of the size that a handler
// prefers.
func checkPreferred(h any) error {
	if low, high := preferredBatch(h); low < 1 || high < low {
		return fmt.Errorf("%T's preferred batch size from %d to %d cannot be", h, low, high)
	}
	return nil
}

// idOf returns what a handler calls its model, or otherwise.
func idOf(h any, otherwise string) string {
	if m, ok := h.(interface{ ModelID() string }); ok && m.ModelID() != "" {
		return m.ModelID()
	}
	return otherwise
}

// validate asks a handler that has something to say of itself.
func validate(h any) error {
	if v, ok := h.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// packed is a value of a registered type on its way to the workers.
type packed struct {
	Type   beam.EncodedType
	Fields json.RawMessage
}

// typeOf returns the type of a value that is packed, without the pointer.
func typeOf(v any) reflect.Type {
	t := reflect.TypeOf(v)
	if t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// pack checks that a handler, or a step, can travel, and packs it.
func pack(h any) (packed, error) {
	t := typeOf(h)
	if t == nil || (reflect.ValueOf(h).Kind() == reflect.Pointer && reflect.ValueOf(h).IsNil()) {
		return packed{}, errors.New("the handler is nil")
	}
	if t.Kind() != reflect.Struct {
		return packed{}, fmt.Errorf("a handler must be a struct, not a %v", t.Kind())
	}
	key, named := runtime.TypeKey(t)
	if known, ok := runtime.LookupType(key); !named || !ok || known != t {
		return packed{}, fmt.Errorf("%v is not registered: call beamio.Register(&%v{}), "+
			"or RegisterStep, RegisterCodec or RegisterNetwork if it is no handler, in an init function", t, t)
	}
	v := reflect.Indirect(reflect.ValueOf(h))
	_, own := h.(json.Marshaler) // which may well carry what is not exported
	for i := range t.NumField() {
		f := t.Field(i)
		switch {
		case !f.IsExported() && !own && !v.Field(i).IsZero():
			return packed{}, fmt.Errorf("field %s is not exported and would be lost on the way to the workers", f.Name)
		case f.IsExported() && !own && f.Type.Kind() == reflect.Interface && !v.Field(i).IsNil():
			return packed{}, fmt.Errorf("field %s is an interface and would be lost on the way to the workers", f.Name)
		}
	}
	data, err := json.Marshal(h)
	if err != nil {
		return packed{}, fmt.Errorf("the handler has no JSON: %w", err)
	}
	return packed{beam.EncodedType{T: t}, data}, nil
}

// unpack makes a T of what pack has packed.
func unpack[T any](p packed) (T, error) {
	var zero T
	if p.Type.T == nil {
		return zero, errors.New("nothing was packed")
	}
	v := reflect.New(p.Type.T)
	if err := json.Unmarshal(p.Fields, v.Interface()); err != nil {
		return zero, err
	}
	h, ok := v.Interface().(T)
	if !ok {
		return zero, fmt.Errorf("%v is no %v", v.Type(), reflect.TypeFor[T]())
	}
	return h, nil
}

// inferSpec is what travels to the workers.
type inferSpec struct {
	Settings settings
	Handler  packed
}

// decodeSpec unpacks what apply has packed.
func decodeSpec[E, P any](spec string) (settings, *recipe[E, P], error) {
	var s inferSpec
	err := json.Unmarshal([]byte(spec), &s)
	if err != nil {
		return settings{}, nil, fmt.Errorf("beamio: the handler did not arrive: %w", err)
	}
	h, err := unpack[ModelHandler[E, P]](s.Handler)
	if err != nil {
		return settings{}, nil, fmt.Errorf("beamio: the handler did not arrive: %w", err)
	}
	return s.Settings, newRecipe(h, s.Handler, &s.Settings), nil
}
