package loaders

import (
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/argand-go/argand/tensor"
)

// The functions that a pickle may call, under their names in allow.go.

// rebuildTensor is torch._utils._rebuild_tensor_v2(storage, offset, size,
// stride, requires_grad, hooks, metadata); the first version ends at stride.
func rebuildTensor(f *file, args []any) (any, error) {
	if len(args) < 4 || len(args) > 7 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	v := f.rebuild(args, nil)
	if len(args) == 7 {
		return v, f.flags(v, args[6])
	}
	return v, nil
}

// rebuildTensorV3 is torch._utils._rebuild_tensor_v3(storage, offset, size,
// stride, requires_grad, hooks, dtype, metadata): a tensor over plain bytes.
func rebuildTensorV3(f *file, args []any) (any, error) {
	if len(args) < 7 || len(args) > 8 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	typ, ok := args[6].(*elementType)
	if !ok {
		return nil, errors.New("a tensor without dtype")
	}
	v := f.rebuild(args, typ)
	if len(args) == 8 {
		return v, f.flags(v, args[7])
	}
	return v, nil
}

// flags reads the metadata of a tensor, {"conj": True, "neg": True}: views
// whose values are not the bytes of their storage.
func (f *file) flags(v *view, metadata any) error {
	d, ok := metadata.(*types.Dict)
	if !ok {
		return nil
	}
	if err := f.spend(len(*d)); err != nil { // tensors may share it
		return err
	}
	for _, e := range *d {
		switch {
		case e.Key == "neg" && e.Value == true:
			v.what = "a view with negated values"
		case e.Key == "conj" && e.Value == true:
			v.what = "a view with conjugated values"
		}
	}
	return nil
}

// rebuild checks the arguments of a tensor; typ is nil if the storage has it.
func (f *file) rebuild(args []any, typ *elementType) *view {
	if b, ok := args[0].(*brokenStorage); ok {
		return &view{err: b.err}
	}
	s, ok := args[0].(*typedStorage)
	if !ok {
		return &view{err: errors.New("no storage")}
	}
	if typ == nil {
		typ = s.typ
	}
	offset, ok := args[1].(int)
	if !ok {
		return &view{err: errors.New("no offset")}
	}
	shape, err := f.ints(args[2])
	if err != nil {
		return &view{err: fmt.Errorf("shape: %w", err)}
	}
	stride, err := f.ints(args[3])
	if err != nil {
		return &view{err: fmt.Errorf("strides: %w", err)}
	}
	return s.view(typ, layout{offset, shape, stride})
}

// view returns the tensor of a layout in s, after checking that it lies there.
func (s *typedStorage) view(typ *elementType, l layout) *view {
	v := &view{typ: typ, storage: s.storage, begin: s.begin, layout: l}
	if _, ok := elementTypes[typ.name]; !ok {
		v.err = errors.New("no element type")
		return v
	}
	_, last, err := l.extent()
	if err != nil {
		v.err = err
		return v
	}
	if have := s.length / int64(max(typ.width, 1)); typ.width > 0 && int64(last) >= have {
		v.err = fmt.Errorf("shape %v with strides %v and offset %d reaches element %d of a storage of %d",
			l.shape, l.stride, l.offset, last, have)
	}
	return v
}

// ints returns the numbers of a tuple, or of the torch.Size that one can be.
func (f *file) ints(v any) (tensor.Shape, error) {
	if o, ok := v.(*object); ok && o.class.name == "torch.Size" && len(o.args) == 1 {
		v = o.args[0]
	}
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, errors.New("not a tuple")
	}
	if len(*t) > f.limits.Dims {
		return nil, &LimitError{f.name, "Dims", int64(f.limits.Dims), fmt.Sprintf("%d axes", len(*t))}
	}
	out := make(tensor.Shape, len(*t))
	for i, x := range *t {
		n, ok := x.(int)
		if !ok {
			return nil, errors.New("not a whole number of 64 bits")
		}
		out[i] = n
	}
	return out, nil
}

// rebuildParameter is torch._utils._rebuild_parameter(tensor, requires_grad,
// hooks), and _rebuild_parameter_with_state, which adds Python attributes.
func rebuildParameter(_ *file, args []any) (any, error) {
	if len(args) < 3 || len(args) > 4 {
		return nil, fmt.Errorf("a parameter of %d arguments", len(args))
	}
	return tensorOf(args[0]), nil
}

// newParameter is torch.nn.Parameter(tensor, requires_grad), which versions
// before 0.4 wrote, or such a version's Variable.
func newParameter(_ *file, args []any) (any, error) {
	if len(args) == 0 || len(args) > 5 {
		return nil, fmt.Errorf("a parameter of %d arguments", len(args))
	}
	v := *tensorOf(args[0])
	v.parameter = true
	return &v, nil
}

// PySetState takes what versions before 0.4 gave to a Parameter, (requires
// gradient, volatile or leaf, hooks), and ignores it. Other states would change
// the values.
func (v *view) PySetState(state any) error {
	if t, ok := state.(*types.Tuple); !ok || !v.parameter || len(*t) != 3 {
		return errors.New("a tensor of an unknown state")
	}
	return nil
}

// tensorOf returns v if it is a tensor, and one that says what is wrong
// otherwise.
func tensorOf(v any) *view {
	switch x := v.(type) {
	case *view:
		return x
	case *object: // with WithInert only
		return &view{what: "of a tensor subclass"}
	}
	return &view{err: errors.New("a parameter of something else than a tensor")}
}

// rebuildFromType is torch._tensor._rebuild_from_type_v2(function, class,
// arguments, attributes): a tensor with Python attributes, which are ignored.
func rebuildFromType(f *file, args []any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("a tensor with attributes of %d arguments", len(args))
	}
	g, ok1 := args[0].(*bound)
	inner, ok2 := args[2].(*types.Tuple)
	if !ok1 || !ok2 || g.name == "torch._tensor._rebuild_from_type_v2" {
		return nil, errors.New("a tensor with attributes that no function rebuilds")
	}
	v, err := g.Call(*inner...)
	if err != nil {
		return nil, err
	}
	return tensorOf(v), nil
}

func unreadable(what string) func(*file, []any) (any, error) {
	return func(*file, []any) (any, error) { return &view{what: what}, nil }
}

// orderedDictOf is collections.OrderedDict(items), as Python 2 wrote it.
func orderedDictOf(f *file, args []any) (any, error) {
	d := types.NewOrderedDict()
	if len(args) == 0 {
		return d, nil
	}
	items, ok := args[0].(*types.List)
	if !ok || len(args) != 1 {
		return nil, errors.New("an OrderedDict of something else than a list")
	}
	const cost = 400 // bytes of an entry, at most
	if err := f.spend(cost * len(*items)); err != nil {
		return nil, err
	}
	for _, x := range *items {
		var pair []any
		switch p := x.(type) {
		case *types.List:
			pair = *p
		case *types.Tuple:
			pair = *p
		}
		if len(pair) != 2 {
			return nil, errors.New("an OrderedDict of something else than pairs")
		}
		d.Set(pair[0], pair[1])
	}
	return d, nil
}

// encode is _codecs.encode(text, "latin1"): how protocol 2 writes bytes.
func encode(f *file, args []any) (any, error) {
	text, ok := "", false
	if len(args) == 2 && (args[1] == "latin1" || args[1] == "latin-1") {
		text, ok = args[0].(string)
	}
	if !ok {
		return nil, errors.New("_codecs.encode of something else than latin1")
	}
	if err := f.spend(len(text)); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			return nil, fmt.Errorf("_codecs.encode: %q is not in latin1", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

// emptyBytes is bytes(): how protocol 2 writes no bytes.
func emptyBytes(_ *file, args []any) (any, error) {
	if len(args) != 0 {
		return nil, errors.New("bytes of something")
	}
	return []byte{}, nil
}

// reconstruct is copyreg._reconstructor(class, base, state), how protocols 0
// and 1 make an object.
func reconstruct(f *file, args []any) (any, error) {
	if len(args) != 3 {
		return nil, fmt.Errorf("an object of %d arguments", len(args))
	}
	return newObject(f, args[:1])
}

// newObject is copyreg.__newobj__(class, arguments…).
func newObject(_ *file, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("an object without class")
	}
	class, ok := args[0].(*bound)
	if !ok || class.module == "copyreg" || class.module == "copy_reg" {
		return nil, errors.New("an object of something else than a class")
	}
	return class.Call(args[1:]...)
}
