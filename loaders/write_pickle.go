package loaders

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
)

// torchStorages has the classes of PyTorch's typed storages. Tensors of other
// types are views of plain bytes.
var torchStorages = map[string]string{
	"float32": "FloatStorage", "float16": "HalfStorage", "bfloat16": "BFloat16Storage", "float64": "DoubleStorage",
	"int64": "LongStorage", "int32": "IntStorage", "int16": "ShortStorage", "int8": "CharStorage",
	"uint8": "ByteStorage", "bool": "BoolStorage",
	"complex64": "ComplexFloatStorage", "complex128": "ComplexDoubleStorage",
}

// A pickler writes the one pickle that this package writes, in protocol 2,
// which torch.load(weights_only=True) wants:
//
//	OrderedDict(key: _rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict()), …)
//
// and, if there are versions, its attribute _metadata.
type pickler struct {
	bytes.Buffer
	memo map[string]int // of what occurs often
}

// pickleOf returns the pickle of a state_dict.
func pickleOf(items []*item, versions []moduleVersion) string {
	p := pickler{memo: map[string]int{}}
	p.WriteString("\x80\x02")
	p.orderedDict()
	p.pairs(len(items), func(n int) {
		p.text(items[n].key)
		p.tensor(items[n])
	})
	if len(versions) > 0 {
		p.WriteByte('}')
		p.text("_metadata")
		p.orderedDict()
		p.pairs(len(versions), func(n int) {
			p.text(versions[n].module)
			p.WriteByte('}')
			p.often("version", func() { p.text("version") })
			p.int(int64(versions[n].version))
			p.WriteByte('s') // SETITEM
		})
		p.WriteString("sb") // SETITEM, BUILD
	}
	p.WriteByte('.')
	return p.String()
}

// pairs writes the instructions that put n pairs into the dict on the stack,
// at most 1000 at a time to keep the stack of the reader low, as Python does.
func (p *pickler) pairs(n int, pair func(n int)) {
	const batch = 1000
	for at := 0; at < n; at += batch {
		p.WriteByte('(') // MARK
		for i := at; i < min(n, at+batch); i++ {
			pair(i)
		}
		p.WriteByte('u') // SETITEMS
	}
}

// tensor writes the call that rebuilds i.
func (p *pickler) tensor(i *item) {
	class, typed := torchStorages[i.dtype.String()]
	size := int64(i.dtype.Size())
	count := i.run.bytes / size
	if typed {
		p.global("torch._utils", "_rebuild_tensor_v2")
	} else {
		p.global("torch._utils", "_rebuild_tensor_v3")
	}
	p.WriteString("((")
	p.often("storage", func() { p.text("storage") })
	if typed {
		p.global("torch", class)
	} else {
		p.global("torch.storage", "UntypedStorage")
		count = i.run.bytes
	}
	p.text(i.run.key)
	p.often("cpu", func() { p.text("cpu") })
	p.int(count)
	p.WriteString("tQ") // TUPLE, BINPERSID
	p.int(i.offset / size)
	p.ints(i.shape)
	p.ints(contiguousStrides(i.shape))
	p.WriteByte('\x89') // NEWFALSE: requires no gradient
	p.orderedDict()     // no hooks
	if !typed {
		p.global("torch", i.dtype.String())
	}
	p.WriteString("tR") // TUPLE, REDUCE
}

func (p *pickler) orderedDict() {
	p.global("collections", "OrderedDict")
	p.WriteString(")R") // EMPTY_TUPLE, REDUCE
}

func (p *pickler) global(module, name string) {
	p.often(module+"."+name, func() { p.WriteString("c" + module + "\n" + name + "\n") })
}

// often writes a value that occurs often: in full for the first time, then
// from the memo.
func (p *pickler) often(name string, full func()) {
	n, ok := p.memo[name]
	if ok {
		p.Write([]byte{'h', byte(n)}) // BINGET
		return
	}
	full()
	n = len(p.memo) // below 256: there are few storage classes and types
	p.memo[name] = n
	p.Write([]byte{'q', byte(n)}) // BINPUT
}

func (p *pickler) text(s string) {
	p.WriteByte('X') // BINUNICODE
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) int(n int64) {
	switch {
	case n >= 0 && n <= math.MaxUint8:
		p.Write([]byte{'K', byte(n)})
	case n >= 0 && n <= math.MaxUint16:
		p.Write(binary.LittleEndian.AppendUint16([]byte{'M'}, uint16(n)))
	case n >= math.MinInt32 && n <= math.MaxInt32:
		p.Write(binary.LittleEndian.AppendUint32([]byte{'J'}, uint32(n)))
	default: // LONG1: as few bytes as hold n and its sign
		length := bits.Len64(uint64(n^n>>63))/8 + 1
		p.Write([]byte{'\x8a', byte(length)})
		p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))[:length])
	}
}

func (p *pickler) ints(n []int) {
	p.WriteByte('(')
	for _, x := range n {
		p.int(int64(x))
	}
	p.WriteByte('t')
}
