package beamio

import (
	"reflect"

	"github.com/argand-go/argand/tensor"
)

// sizeOf returns how many bytes of data v holds: numbers, and the contents of
// strings, slices, arrays, maps, structs and pointers, without their headers.
// Values with a method Bytes() int64 are asked.
func sizeOf(v any) int64 { return sizeOfValue(reflect.ValueOf(v), 16) }

// sizeOfValue looks at most depth levels into v, so that a cycle ends.
func sizeOfValue(v reflect.Value, depth int) int64 {
	var n int64
	if depth--; depth < 0 {
		return 0
	}
	switch v.Kind() {
	case reflect.Invalid, reflect.Func, reflect.Chan, reflect.UnsafePointer:
	case reflect.String:
		n = int64(v.Len())
	case reflect.Slice, reflect.Array:
		if flat(v.Type().Elem().Kind()) {
			return int64(v.Len()) * int64(v.Type().Elem().Size())
		}
		for i := range v.Len() {
			n += sizeOfValue(v.Index(i), depth)
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			n += sizeOfValue(it.Key(), depth) + sizeOfValue(it.Value(), depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += sizeOfValue(v.Field(i), depth)
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return 0
		}
		if v.CanInterface() {
			switch b := v.Interface().(type) {
			case interface{ Bytes() int64 }:
				return b.Bytes()
			case *tensor.Tensor: // whose owner may be a whole file
				return int64(len(b.Bytes()))
			}
		}
		n = sizeOfValue(v.Elem(), depth)
	default:
		n = int64(v.Type().Size())
	}
	return n
}

// flat reports whether values of kind k hold all their data themselves.
func flat(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128 && k != reflect.Uintptr
}
