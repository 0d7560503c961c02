package beamio

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
)

// registerDoFn makes a DoFn known to Beam. F is the type of its method
// ProcessElement, which is called by call, without reflection; Beam finds the
// other methods, which are called once a bundle, by reflection. Beam's
// register.DoFn6x1 does the same, but covers every signature that the other
// methods may have: each of its instances takes the compiler many seconds.
func registerDoFn[F any](doFn any, call func(f F, args []any) []any) {
	beam.RegisterDoFn(reflect.TypeOf(doFn))
	reflectx.RegisterStructWrapper(reflect.TypeOf(doFn).Elem(), func(doFn any) map[string]reflectx.Func {
		f := reflect.ValueOf(doFn).MethodByName("ProcessElement").Interface().(F)
		return map[string]reflectx.Func{"ProcessElement": &caller[F]{f, call}}
	})
}

// caller is a method as Beam calls it.
type caller[F any] struct {
	f    F
	call func(F, []any) []any
}

// Name implements reflectx.Func.
func (c *caller[F]) Name() string { return reflectx.FunctionName(c.f) }

// Type implements reflectx.Func.
func (c *caller[F]) Type() reflect.Type { return reflect.TypeFor[F]() }

// Call implements reflectx.Func.
func (c *caller[F]) Call(args []any) []any { return c.call(c.f, args) }
