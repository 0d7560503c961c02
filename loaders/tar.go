package loaders

import (
	"archive/tar"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/argand-go/argand/tensor"
)

// A tarball is a file of torch.save before PyTorch 0.1.10, an archive of
//
//	storages  pickle n; n times pickle (key, location, class), 8 bytes count, the elements;
//	          pickle [(key, key of the whole, offset, count), …], the parts of storages
//	tensors   pickle n; n times pickle (key, key of its storage, class), 4 bytes number of axes,
//	          4 bytes of no meaning, 8 bytes for each extent, each stride, and the offset
//	pickle    the saved object, tensors and storages by key
//	sys_info  of no interest
type tarball struct {
	file     *file
	members  map[string]span // by name
	storages map[int]*typedStorage
	tensors  map[int]*view
}

func isTar(head []byte) bool { return len(head) >= 262 && string(head[257:262]) == "ustar" }

func (f *file) readTar() error {
	f.format = "torch tar"
	t := &tarball{f, map[string]span{}, map[int]*typedStorage{}, map[int]*view{}}
	if err := t.directory(); err != nil {
		return err
	}
	for _, name := range []string{"storages", "tensors", "pickle"} {
		if _, ok := t.members[name]; !ok {
			return f.wrap(-1, "", fmt.Sprintf("a tar file without %q was not written by torch.save", name), nil)
		}
	}
	if err := t.readStorages(); err != nil {
		return err
	}
	if err := t.readTensors(); err != nil {
		return err
	}
	at := t.members["pickle"]
	root, _, err := f.unpickleAt(at.begin, at.end, "pickle", t.persistentLoad)
	if err != nil {
		return err
	}
	return f.flatten(root, "pickle")
}

// directory finds where the members are.
func (t *tarball) directory() error {
	section := io.NewSectionReader(t.file.src, 0, t.file.src.size())
	r := tar.NewReader(section)
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // names are looked up, never used as paths
			return t.file.wrap(-1, "", "damaged or truncated tar file", err)
		}
		if n >= t.file.limits.Entries {
			return &LimitError{t.file.name, "Entries", int64(t.file.limits.Entries), "entries of the archive"}
		}
		name := strings.TrimPrefix(h.Name, "./")
		switch name {
		case "storages", "tensors", "pickle":
		default:
			continue
		}
		begin, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return t.file.wrap(-1, name, "cannot be read", err)
		}
		if _, twice := t.members[name]; twice {
			return t.file.wrap(begin, name, "entry occurs twice", nil)
		}
		if h.Typeflag != tar.TypeReg || sparse(h) {
			return t.file.wrap(begin, name, "not a plain file", nil)
		}
		if err := inside(begin, h.Size, t.file.src.size()); err != nil {
			return t.file.wrap(begin, name, "truncated file", err)
		}
		t.members[name] = span{begin, begin + h.Size}
	}
}

// sparse reports whether a file has holes that the archive does not have.
func sparse(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// records reads the pickle of a number at the start of a member, and calls
// read with each of so many records: a pickle of a tuple of three parts at a
// byte, and what follows it at byte next, of which read returns the end. It
// returns the end of the last one.
func (t *tarball) records(name string, read func(r types.Tuple, at, next int64) (int64, error)) (int64, error) {
	begin, end := t.members[name].begin, t.members[name].end
	v, at, err := t.file.unpickleAt(begin, end, name, noPersistentID)
	if err != nil {
		return 0, err
	}
	n, ok := v.(int)
	if !ok || n < 0 {
		return 0, t.file.wrap(begin, name, "not a number of entries", nil)
	}
	if n > t.file.limits.Entries {
		return 0, &LimitError{t.file.name, "Entries", int64(t.file.limits.Entries), name}
	}
	for range n {
		v, next, err := t.file.unpickleAt(at, end, name, noPersistentID)
		if err != nil {
			return 0, err
		}
		r, ok := v.(*types.Tuple)
		if !ok || len(*r) != 3 {
			return 0, t.file.wrap(at, name, "not a tuple of 3 parts", nil)
		}
		if at, err = read(*r, at, next); err != nil {
			return 0, err
		}
	}
	return at, nil
}

func (t *tarball) readStorages() error {
	const name = "storages"
	at, err := t.records(name, func(r types.Tuple, at, next int64) (int64, error) {
		key, ok1 := r[0].(int)
		class, ok2 := r[2].(*storageClass)
		if !ok1 || !ok2 || class.width == 0 || t.storages[key] != nil {
			return 0, t.file.wrap(at, name, "a storage without class or key of its own", nil)
		}
		offset, size, err := t.elements(name, next, class.width)
		if err != nil {
			return 0, t.file.wrap(next, name, fmt.Sprintf("storage %d", key), err)
		}
		t.storages[key] = whole(class.elementType, &storage{offset: offset, size: size})
		return offset + size, nil
	})
	if err != nil {
		return err
	}
	v, _, err := t.file.unpickleAt(at, t.members[name].end, name, noPersistentID)
	if err != nil {
		return err
	}
	parts, ok := v.(*types.List)
	if !ok {
		return t.file.wrap(at, name, "no list of parts of storages", nil)
	}
	for _, p := range *parts {
		if err := t.part(p); err != nil {
			return t.file.wrap(at, name, "damaged", err)
		}
	}
	return nil
}

// elements returns where the elements of a storage begin, after their number,
// and how many bytes they are.
func (t *tarball) elements(name string, at int64, width int) (begin, bytes int64, err error) {
	var count [8]byte
	if _, err := t.file.src.ReadAt(count[:], at); err != nil {
		return 0, 0, noEOF(err)
	}
	n := binary.LittleEndian.Uint64(count[:])
	left := t.members[name].end - at - 8
	if left < 0 || n > uint64(left)/uint64(width) {
		return 0, 0, fmt.Errorf("truncated: %d elements of %d bytes, %d bytes are left", n, width, left)
	}
	return at + 8, int64(n) * int64(width), nil
}

// part adds the part of a storage that v is, (key, key of the whole, offset,
// count).
func (t *tarball) part(v any) error {
	p, ok := v.(*types.Tuple)
	if !ok || len(*p) != 4 {
		return errors.New("a part of a storage that is no tuple of four")
	}
	key, ok1 := (*p)[0].(int)
	of, ok2 := (*p)[1].(int)
	if !ok1 || !ok2 || t.storages[of] == nil || t.storages[key] != nil {
		return errors.New("a part of no storage, or with the key of another")
	}
	s, err := t.storages[of].part((*p)[2], (*p)[3])
	t.storages[key] = s
	return err
}

func (t *tarball) readTensors() error {
	const name = "tensors"
	_, err := t.records(name, func(r types.Tuple, at, next int64) (int64, error) {
		key, ok := r[0].(int)
		if !ok || t.tensors[key] != nil {
			return 0, t.file.wrap(at, name, "a tensor without key of its own", nil)
		}
		l, end, err := t.layout(name, next)
		if err != nil {
			return 0, t.file.wrap(next, name, fmt.Sprintf("tensor %d", key), err)
		}
		t.tensors[key] = t.view(r[1], l)
		return end, nil
	})
	return err
}

// view returns the tensor of a layout in the storage of a key. A tensor
// without axes has no element: PyTorch had no scalars then, and an empty
// tensor may have no storage.
func (t *tarball) view(key any, l layout) *view {
	id, ok := key.(int)
	s := t.storages[id]
	if !ok || s == nil {
		if key == nil && len(l.shape) == 0 {
			s = whole(elementTypes["float32"], &storage{offset: -1, data: []byte{}})
		} else {
			return &view{err: errors.New("a tensor of no storage")}
		}
	}
	if len(l.shape) == 0 {
		l.shape, l.stride = tensor.Shape{0}, []int{1}
	}
	return s.view(s.typ, l)
}

// layout reads the extents, strides and offset of a tensor.
func (t *tarball) layout(name string, at int64) (layout, int64, error) {
	end := t.members[name].end
	head, err := t.numbers(at, end, 1)
	if err != nil {
		return layout{}, 0, err
	}
	axes := int(uint32(head[0]))
	if axes > t.file.limits.Dims {
		return layout{}, 0, &LimitError{t.file.name, "Dims", int64(t.file.limits.Dims), fmt.Sprintf("%d axes", axes)}
	}
	n, err := t.numbers(at+8, end, 2*axes+1)
	if err != nil {
		return layout{}, 0, err
	}
	return layout{n[2*axes], n[:axes:axes], n[axes : 2*axes : 2*axes]}, at + 8 + 8*int64(2*axes+1), nil
}

// numbers reads n numbers of 64 bits at byte at.
func (t *tarball) numbers(at, end int64, n int) ([]int, error) {
	if err := inside(at, 8*int64(n), end); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, 8*n)
	if _, err := t.file.src.ReadAt(b, at); err != nil {
		return nil, noEOF(err)
	}
	out := make([]int, n)
	for i := range out {
		out[i] = int(binary.LittleEndian.Uint64(b[8*i:]))
	}
	return out, nil
}

// persistentLoad finds the tensor or storage whose key is the text v.
// (class, file, source) names a class.
func (t *tarball) persistentLoad(v any) (any, error) {
	if c, ok := v.(*types.Tuple); ok && len(*c) == 3 && t.file.inert {
		return (*c)[0], nil
	}
	text, _ := v.(string)
	key, err := strconv.Atoi(text)
	if n, ok := v.(int); ok {
		key, err = n, nil
	}
	if err != nil {
		return nil, errors.New("a persistent id that is no number")
	}
	if x := t.tensors[key]; x != nil {
		return x, nil
	}
	if s := t.storages[key]; s != nil {
		return s, nil
	}
	return nil, errors.New("a persistent id of no tensor and no storage")
}
