package loaders

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"

	"github.com/argand-go/argand/tensor"
)

// A storageID is how a pickle names a storage.
type storageID struct {
	class *elementType
	key   string
	count int // elements of class
}

// A view is a tensor as the pickle describes it.
type view struct {
	typ     *elementType
	storage *storage
	layout  layout
	what    string // for a tensor that cannot be read: what it is
	err     error  // for a damaged one: what is wrong; reported with its key
}

// A brokenStorage stands for a storage that the archive does not have as the
// pickle says; the tensors that view it report why.
type brokenStorage struct{ err error }

// A typedStorage is a storage and the type of its elements.
type typedStorage struct {
	typ *elementType
	*storage
}

// An inert is any value that is neither a tensor nor made of plain dicts,
// lists and numbers: a set, a torch.Size, a NumPy scalar. It holds nothing.
type inert struct{}

// PySetState ignores the state of a NumPy dtype.
func (*inert) PySetState(any) error { return nil }

// A bound is a function that gopickle's machine can call.
type bound struct {
	*function
	archive *archive
}

// Call calls the function.
func (b *bound) Call(args ...any) (any, error) { return b.call(b.archive, args) }

// unpickle scans the pickle b and then runs it through gopickle's machine,
// which sees nothing that the scanner has not allowed.
func (a *archive) unpickle(b []byte, member string) (any, error) {
	s := scanner{file: a.file, member: member, data: b}
	n, err := s.scan()
	if err != nil {
		return nil, err
	}
	r := bytes.NewReader(b[:n])
	u := pickle.NewUnpickler(r)
	u.PersistentLoad = a.persistentLoad
	u.FindClass = func(module, name string) (any, error) {
		switch g := lookup(module, name).(type) {
		case nil:
			return nil, &GlobalError{Name: a.file.name, Member: member, Module: module, Global: name}
		case *function:
			return &bound{g, a}, nil
		default:
			return g, nil
		}
	}
	v, err := u.Load()
	if err != nil {
		return nil, a.file.wrap(int64(n-r.Len()), member, "damaged pickle, before this byte", err)
	}
	return v, nil
}

// persistentLoad finds the storage named ("storage", class, key, location,
// count). The location, "cpu" or "cuda:0", is where the tensor was.
func (a *archive) persistentLoad(v any) (any, error) {
	t, ok := v.(*types.Tuple)
	if !ok || len(*t) != 5 || (*t)[0] != "storage" {
		return nil, errors.New("a persistent id that is no storage of five parts")
	}
	class, ok1 := (*t)[1].(*storageClass)
	key, ok2 := (*t)[2].(string)
	count, ok3 := (*t)[4].(int)
	if !ok1 || !ok2 || !ok3 || count < 0 {
		return nil, errors.New("a storage without class, key or count")
	}
	s, err := a.storage(storageID{class.elementType, key, count})
	if err != nil {
		return &brokenStorage{err}, nil
	}
	return &typedStorage{class.elementType, s}, nil
}

// rebuildTensor is torch._utils._rebuild_tensor_v2(storage, offset, size,
// stride, requires_grad, hooks, metadata); the first version ends at stride.
func rebuildTensor(a *archive, args []any) (any, error) {
	if len(args) < 4 || len(args) > 7 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	v := rebuild(a, args, nil)
	if len(args) == 7 {
		if m, ok := args[6].(*types.Dict); ok && len(*m) > 0 {
			for _, e := range *m {
				if e.Key == "neg" && e.Value == true {
					v.what = "a view with negated values"
				}
			}
		}
	}
	return v, nil
}

// rebuildTensorV3 is torch._utils._rebuild_tensor_v3(storage, offset, size,
// stride, requires_grad, hooks, dtype, metadata): a tensor over plain bytes.
func rebuildTensorV3(a *archive, args []any) (any, error) {
	if len(args) < 7 || len(args) > 8 {
		return nil, fmt.Errorf("a tensor of %d arguments", len(args))
	}
	typ, ok := args[6].(*elementType)
	if !ok {
		return nil, errors.New("a tensor without dtype")
	}
	return rebuild(a, args, typ), nil
}

// rebuild checks the arguments of a tensor; typ is nil if the storage has it.
func rebuild(a *archive, args []any, typ *elementType) *view {
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
	shape, err := a.ints(args[2])
	if err != nil {
		return &view{err: fmt.Errorf("shape: %w", err)}
	}
	stride, err := a.ints(args[3])
	if err != nil {
		return &view{err: fmt.Errorf("strides: %w", err)}
	}
	v := &view{typ: typ, storage: s.storage, layout: layout{offset, shape, stride}}
	if _, ok := elementTypes[typ.name]; !ok {
		v.err = errors.New("no element type")
		return v
	}
	_, last, err := v.layout.extent()
	if err != nil {
		v.err = err
		return v
	}
	if have := s.size / int64(max(typ.width, 1)); typ.width > 0 && int64(last) >= have {
		v.err = fmt.Errorf("shape %v with strides %v and offset %d reaches element %d of a storage of %d",
			v.layout.shape, stride, offset, last, have)
	}
	return v
}

// ints returns the numbers of a tuple.
func (a *archive) ints(v any) (tensor.Shape, error) {
	t, ok := v.(*types.Tuple)
	if !ok {
		return nil, errors.New("not a tuple")
	}
	if len(*t) > a.file.limits.Dims {
		return nil, &LimitError{a.file.name, "Dims", int64(a.file.limits.Dims), fmt.Sprintf("%d axes", len(*t))}
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
func rebuildParameter(_ *archive, args []any) (any, error) {
	if len(args) < 3 || len(args) > 4 {
		return nil, fmt.Errorf("a parameter of %d arguments", len(args))
	}
	return args[0], nil
}

// rebuildFromType is torch._tensor._rebuild_from_type_v2(function, class,
// arguments, attributes): a tensor with Python attributes, which are ignored.
func rebuildFromType(a *archive, args []any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("a tensor with attributes of %d arguments", len(args))
	}
	f, ok1 := args[0].(*bound)
	inner, ok2 := args[2].(*types.Tuple)
	if !ok1 || !ok2 || f.name == "torch._tensor._rebuild_from_type_v2" {
		return nil, errors.New("a tensor with attributes that no function rebuilds")
	}
	return f.call(a, *inner)
}

func unreadable(what string) func(*archive, []any) (any, error) {
	return func(*archive, []any) (any, error) { return &view{what: what}, nil }
}

func plainValue(*archive, []any) (any, error) { return &inert{}, nil }
