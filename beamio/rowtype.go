package beamio

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

// RowType returns the type of the structs in a collection of rows. It is for
// sinks that write columns, after the fields that have no "-" in their tag of that
// name, and to which rows come as JSON ([Shards.Group]). It returns an error if
// the collection holds anything else, if the type is not registered with Beam, so
// that workers do not know it, or if JSON would lose what is in a column.
func RowType(rows beam.PCollection, tag string) (reflect.Type, error) {
	if typex.IsKV(rows.Type()) {
		return nil, fmt.Errorf("the collection holds %v; want structs without a key", rows.Type())
	}
	t := rows.Type().Type()
	key, named := runtime.TypeKey(t)
	if t.Kind() != reflect.Struct || !named {
		return nil, fmt.Errorf("the collection holds %v; want structs of a named type", t)
	}
	if _, ok := runtime.LookupType(key); !ok {
		return nil, fmt.Errorf("%v is not registered: call beam.RegisterType before beam.Init", t)
	}
	if err := carried(t, tag, nil); err != nil {
		return nil, fmt.Errorf("%v: %w", t, err)
	}
	return t, nil
}

// carried returns an error if JSON does not carry a type. It is in the types around it.
func carried(t reflect.Type, tag string, around []reflect.Type) error {
	p := reflect.PointerTo(t)
	if p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	if p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return fmt.Errorf("%v makes JSON of itself, but cannot be made of it", t)
	}
	for _, a := range around {
		if a == t {
			return fmt.Errorf("%v has values of its own type", t)
		}
	}
	around = append(around, t)
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return carried(t.Elem(), tag, around)
	case reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Complex64, reflect.Complex128:
		return fmt.Errorf("a %v cannot be in a row", t)
	case reflect.Struct:
	default:
		return nil
	}
	for f := range t.Fields() {
		if !f.IsExported() && !f.Anonymous || strings.HasPrefix(f.Tag.Get(tag), "-") {
			continue
		}
		err := carried(f.Type, tag, around)
		if f.Tag.Get("json") == "-" {
			err = errors.New(`its json tag is "-"`)
		}
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return nil
}
