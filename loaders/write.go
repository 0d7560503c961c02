package loaders

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"runtime"
	"runtime/debug"
	"unicode/utf8"

	"github.com/argand-go/argand/tensor"
)

// Tensors are named tensors that can be written to a file, described before
// they are loaded. A [*Checkpoint] is such, so that opening one format and
// writing another is a conversion; a [*StateDict] holds tensors in memory. A
// type that embeds one of them and overrides Info and Tensor converts values
// while they are written.
//
// Writers ask for each tensor once, when its bytes are due, and keep none: a
// file may be far larger than memory. Two optional methods are used if there
// are any: Version(module string) (int, bool) gives the _metadata of a torch
// file, Metadata() map[string]string the __metadata__ of a safetensors file.
type Tensors interface {
	// Keys returns the names in the order in which they are to be written.
	Keys() []string
	// Info describes a tensor; writers use its DType and Shape only.
	Info(key string) (Info, bool)
	// Tensor returns a tensor, of the type and shape that Info gave.
	Tensor(key string) (*tensor.Tensor, error)
}

// A WriteError reports a tensor that could not be written, or a writer that
// failed.
type WriteError struct {
	Name string // the path given to a Save function, empty for others
	Key  string // the tensor, empty if the fault belongs to none
	Msg  string // what is wrong, and what to do about it
	Err  error  // the cause, or nil
}

func (e *WriteError) Error() string {
	s := "loaders: writing"
	if e.Name != "" {
		s += " " + e.Name
	}
	if e.Key != "" {
		s += fmt.Sprintf(": tensor %q", clip(e.Key))
	}
	if e.Msg != "" {
		s += ": " + e.Msg
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Err }

// An item is a tensor to be written.
type item struct {
	key   string
	dtype tensor.DType
	shape tensor.Shape
	bytes int64

	memory any   // what identifies the memory that it is a part of, nil if unknown
	begin  int64 // byte in memory

	run    *run  // torch format: the storage it is a view of
	rank   int   // safetensors: the place of its type in safetensorsRanks
	offset int64 // bytes in run, or in the data of a safetensors file
}

// itemsOf lists and checks what is to be written.
func itemsOf(t Tensors) ([]*item, error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, &WriteError{Msg: "checkpoints are little-endian, this machine is not"}
	}
	keys := t.Keys()
	items, seen := make([]*item, 0, len(keys)), make(map[string]bool, len(keys))
	for _, key := range keys {
		info, ok := t.Info(key)
		i := &item{key: key, dtype: info.DType, shape: info.Shape}
		switch {
		case !ok:
			return nil, &WriteError{Key: key, Msg: "it is among the keys, but there is none"}
		case seen[key]:
			return nil, &WriteError{Key: key, Msg: "two tensors have this key"}
		case !utf8.ValidString(key) || int64(len(key)) > math.MaxUint32:
			return nil, &WriteError{Key: key, Msg: "the key is not UTF-8, or too long"}
		case !info.DType.Valid():
			return nil, &WriteError{Key: key, Msg: "a tensor of type " + clip(info.Type) + " cannot be written"}
		}
		if err := info.Shape.Validate(); err != nil {
			return nil, &WriteError{Key: key, Err: err}
		}
		seen[key] = true
		i.bytes = int64(i.shape.Len()) * int64(i.dtype.Size())
		if i.bytes > 0 {
			i.memory, i.begin = place(t, key)
		}
		items = append(items, i)
	}
	return items, nil
}

// place returns the memory that a tensor which takes bytes is a part of, nil
// if that is not known, and where it begins there. Only the two types whose
// memory stays where it is are asked, not what embeds them: tensors that are
// made on demand may get the memory of others that are no longer used.
func place(t Tensors, key string) (memory any, begin int64) {
	switch t := t.(type) {
	case *Checkpoint:
		if e := t.entries[key]; e.storage != nil && !e.strided && e.swap == 0 {
			return e.storage, e.offset
		}
	case *StateDict:
		return addresses{}, address(t.tensors[key].Bytes())
	}
	return nil, 0
}

// write copies the bytes of i to w, without the first skip.
func (i *item) write(w io.Writer, t Tensors, skip int64) error {
	x, err := t.Tensor(i.key)
	switch {
	case err != nil:
		return &WriteError{Key: i.key, Err: err}
	case x == nil:
		return &WriteError{Key: i.key, Msg: "there is none"}
	case x.DType() != i.dtype || !x.Shape().Equal(i.shape):
		return &WriteError{Key: i.key, Msg: fmt.Sprintf("it is %v, but was said to be %v %v", x, i.dtype, i.shape)}
	}
	if int64(len(x.Bytes())) != i.bytes {
		return &WriteError{Key: i.key, Msg: "it is an outline, without elements"}
	}
	_, err = w.Write(x.Bytes()[skip:])
	runtime.KeepAlive(x) // its bytes may be those of a file that is mapped for as long as x is reachable
	if err != nil {
		return &WriteError{Key: i.key, Err: err}
	}
	return nil
}

// guardWrite returns what the public functions defer: the memory fault of a
// mapped file that was truncated meanwhile becomes an error.
func guardWrite(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		switch fault := recover().(type) {
		case nil:
		case interface {
			error
			Addr() uintptr
		}:
			*err = &WriteError{Msg: "the memory of a tensor is gone; was its file truncated?", Err: fault}
		default:
			panic(fault) // of the caller's Tensors or Writer
		}
	}
}
