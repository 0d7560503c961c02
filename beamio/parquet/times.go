package parquet

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// holdsTimes reports whether values of a type have times in nanoseconds in them.
func holdsTimes(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsTimes(t.Elem())
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return true
		}
		for f := range t.Fields() {
			if nanoseconds(f) && holdsTimes(f.Type) {
				return true
			}
		}
	}
	return false
}

// nanoseconds reports whether a field has a column, and times in it would be in nanoseconds.
func nanoseconds(f reflect.StructField) bool {
	name, options, _ := strings.Cut(f.Tag.Get("parquet"), ",")
	otherwise := strings.Contains(options, "time") || strings.Contains(options, "date")
	return f.IsExported() && name != "-" && (!otherwise || strings.Contains(options, "nano"))
}

// checkTimes returns an error for a time that nanoseconds cannot tell, such as the zero Time. Parquet-go would write
// another one.
func checkTimes(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkTimes(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if err := checkTimes(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Map:
		for _, e := range v.Seq2() {
			if err := checkTimes(e); err != nil {
				return err
			}
		}
	case reflect.Struct:
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			if !time.Unix(0, t.UnixNano()).Equal(t) {
				return fmt.Errorf("%v is no timestamp in nanoseconds: tag its field timestamp(microsecond)", t)
			}
			return nil
		}
		for f, e := range v.Fields() {
			if nanoseconds(f) && holdsTimes(f.Type) {
				if err := checkTimes(e); err != nil {
					return fmt.Errorf("%s: %w", f.Name, err)
				}
			}
		}
	}
	return nil
}
