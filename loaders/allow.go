package loaders

import (
	"strings"

	"github.com/argand-go/argand/tensor"
)

// What a pickle may name is the list of torch.load(weights_only=True), and
// what NumPy's scalars and arrays and argparse's Namespace need. Each name
// stands for one of the four types below; none of them does anything but the
// few lines in rebuild.go and numpy.go.

// An elementType is a torch.dtype.
type elementType struct {
	name  string       // without "torch."
	width int          // bytes of an element, 0 if unknown or not whole
	dtype tensor.DType // Invalid if no tensor can hold it
}

// part returns the bytes of what is swapped between byte orders: an element,
// or half a complex one.
func (t *elementType) part() int {
	if t.dtype == tensor.Complex64 || t.dtype == tensor.Complex128 {
		return t.width / 2
	}
	return t.width
}

// A storageClass is the class of a storage, such as torch.FloatStorage.
type storageClass struct {
	*elementType
	class Global
}

// A function is a function or class that a pickle may call.
type function struct {
	name           string // module and global, with a dot between them
	module, global string
	call           func(f *file, args []any) (any, error) // nil to make an object of the arguments
	result         slotKind                               // what the scanner may know of the result
}

// A marker is a class or constant that a pickle may name but not call.
type marker struct{ Global }

// lookup returns what a global stands for, nil if it is not allowed.
func lookup(module, name string) any {
	if module == "__builtin__" { // Python 2's name, which Python 3 writes in protocol 2
		module = "builtins"
	}
	if f := functions[module+"."+name]; f != nil {
		return f
	}
	switch module {
	case "torch", "torch.cuda":
		if c := storageClasses[name]; c != nil {
			return c
		}
		if tensorClasses[name] {
			return &marker{Global{module, name, true}}
		}
		if module == "torch.cuda" {
			return nil
		}
		if t := elementTypes[name]; t != nil {
			return t
		}
		if torchMarkers[name] {
			return &marker{Global{module, name, true}}
		}
	case "torch.sparse", "torch.cuda.sparse":
		if tensorClasses[name] && name != "Tensor" {
			return &marker{Global{module, name, true}}
		}
	case "torch.storage":
		switch name {
		case "UntypedStorage":
			return storageClasses[name]
		case "TypedStorage":
			return &marker{Global{module, name, true}}
		}
	}
	return nil
}

var elementTypes = func() map[string]*elementType {
	m := map[string]*elementType{}
	for _, t := range []elementType{
		{"float32", 4, tensor.Float32}, {"float16", 2, tensor.Float16}, {"bfloat16", 2, tensor.BFloat16},
		{"float64", 8, tensor.Float64}, {"int64", 8, tensor.Int64}, {"int32", 4, tensor.Int32},
		{"uint8", 1, tensor.Uint8}, {"bool", 1, tensor.Bool},
		{"int8", 1, tensor.Int8}, {"int16", 2, tensor.Int16},
		{"uint16", 2, tensor.Uint16}, {"uint32", 4, tensor.Uint32}, {"uint64", 8, tensor.Uint64},
		{name: "complex32", width: 4}, {"complex64", 8, tensor.Complex64}, {"complex128", 16, tensor.Complex128},
		{name: "float8_e4m3fn", width: 1}, {name: "float8_e4m3fnuz", width: 1}, {name: "float8_e5m2", width: 1},
		{name: "float8_e5m2fnuz", width: 1}, {name: "float8_e8m0fnu", width: 1}, {name: "float4_e2m1fn_x2", width: 1},
		{name: "qint8", width: 1}, {name: "quint8", width: 1}, {name: "qint32", width: 4},
		{name: "quint4x2"}, {name: "quint2x4"}, {name: "bcomplex32", width: 4},
		{name: "bits1x8"}, {name: "bits2x4"}, {name: "bits4x2"}, {name: "bits8", width: 1}, {name: "bits16", width: 2},
		{name: "int1"}, {name: "int2"}, {name: "int3"}, {name: "int4"}, {name: "int5"}, {name: "int6"}, {name: "int7"},
		{name: "uint1"}, {name: "uint2"}, {name: "uint3"}, {name: "uint4"}, {name: "uint5"}, {name: "uint6"},
		{name: "uint7"},
	} {
		m[t.name] = &t
	}
	return m
}()

var storageClasses = func() map[string]*storageClass {
	untyped := &storageClass{&elementType{name: "bytes", width: 1}, Global{"torch.storage", "UntypedStorage", true}}
	m := map[string]*storageClass{"UntypedStorage": untyped}
	for name, dtype := range map[string]string{
		"Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Double": "float64", "Long": "int64",
		"Int": "int32", "Byte": "uint8", "Bool": "bool", "Char": "int8", "Short": "int16",
		"ComplexFloat": "complex64", "ComplexDouble": "complex128",
		"QInt8": "qint8", "QUInt8": "quint8", "QInt32": "qint32", "QUInt4x2": "quint4x2", "QUInt2x4": "quint2x4",
	} {
		m[name+"Storage"] = &storageClass{elementTypes[dtype], Global{"torch", name + "Storage", true}}
	}
	return m
}()

var tensorClasses = setOf("Tensor", "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor",
	"FloatTensor", "HalfTensor", "IntTensor", "LongTensor", "ShortTensor")

var torchMarkers = setOf("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine",
	"per_channel_symmetric", "per_channel_affine_float_qparams")

func setOf(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

var functions = func() map[string]*function {
	m := map[string]*function{
		"collections.OrderedDict":                      {call: orderedDictOf, result: orderedDict},
		"torch._utils._rebuild_tensor":                 {call: rebuildTensor},
		"torch._utils._rebuild_tensor_v2":              {call: rebuildTensor},
		"torch._utils._rebuild_tensor_v3":              {call: rebuildTensorV3},
		"torch._utils._rebuild_parameter":              {call: rebuildParameter},
		"torch._utils._rebuild_parameter_with_state":   {call: rebuildParameter},
		"torch.nn.parameter.Parameter":                 {call: newParameter, result: parameter},
		"torch._tensor._rebuild_from_type_v2":          {call: rebuildFromType},
		"torch._utils._rebuild_qtensor":                {call: unreadable("a quantized tensor")},
		"torch._utils._rebuild_sparse_tensor":          {call: unreadable("a sparse tensor")},
		"torch._utils._rebuild_meta_tensor_no_storage": {call: unreadable("a meta tensor, without values")},
		"torch._utils._rebuild_wrapper_subclass":       {call: unreadable("of a tensor subclass")},
		"_codecs.encode":                               {call: encode},
		"builtins.bytes":                               {call: emptyBytes},
		"numpy.dtype":                                  {call: numpyTypeOf, result: inertObject},
		"numpy.ndarray":                                {result: inertObject},
	}
	for _, name := range []string{"numpy", "cpu_tensor"} {
		m["torch._utils._rebuild_device_tensor_from_"+name] = &function{call: unreadable("of another device")}
	}
	for _, core := range []string{"numpy.core", "numpy._core"} { // NumPy 1 and 2
		m[core+".multiarray.scalar"] = &function{result: inertObject}
		m[core+".multiarray._reconstruct"] = &function{call: newArray, result: inertObject}
		m[core+".numeric._frombuffer"] = &function{call: arrayOfBuffer, result: inertObject}
	}
	for _, name := range []string{
		"collections.Counter", "builtins.bytearray", "builtins.set", "builtins.complex",
		"torch.Size", "torch.device", "torch.serialization._get_layout", "argparse.Namespace",
	} {
		m[name] = &function{result: inertObject}
	}
	return named(m)
}()

// inertFunctions are what whole modules need besides, with [WithInert] only.
var inertFunctions = named(map[string]*function{
	"copy_reg._reconstructor":          {call: reconstruct, result: inertObject},
	"copyreg._reconstructor":           {call: reconstruct, result: inertObject},
	"copy_reg.__newobj__":              {call: newObject, result: inertObject},
	"copyreg.__newobj__":               {call: newObject, result: inertObject},
	"torch.autograd.variable.Variable": {call: newParameter, result: parameter},
})

func named(m map[string]*function) map[string]*function {
	for name, f := range m {
		i := strings.LastIndexByte(name, '.')
		f.name, f.module, f.global = name, name[:i], name[i+1:]
	}
	return m
}
