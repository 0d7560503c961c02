package loaders

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/nlpodyssey/gopickle/types"
)

// legacyMagic is the number that a legacy file begins with,
// 0x1950a86a20f9469cfc6c, as pickles write it: in binary and in digits.
var legacyMagic = [...]string{"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", "119547037146038801333356"}

func isLegacy(head []byte) bool {
	head = head[:min(len(head), 64)]
	return bytes.Contains(head, []byte(legacyMagic[0])) || bytes.Contains(head, []byte(legacyMagic[1]))
}

// A legacy is a file of torch.save from PyTorch 0.1.10 to 1.5:
//
//	pickle    the number legacyMagic
//	pickle    1001, the version of the format
//	pickle    {"little_endian": True, …}, of no interest: all is little-endian
//	pickle    the saved object, storages by key
//	pickle    [key, …], the order of the storages
//	for each  8 bytes, the number of elements; then the elements, without alignment
type legacy struct {
	file     *file
	storages map[string]*legacyStorage
}

type legacyStorage struct {
	storage
	id     storageID // that named it first
	placed bool      // whether the file has its bytes
}

func (f *file) readLegacy() error {
	f.format = "torch legacy"
	size := f.src.size()
	magic, at, err := f.unpickleAt(0, size, "", noPersistentID)
	if err != nil {
		return err
	}
	want, _ := new(big.Int).SetString(legacyMagic[1], 10)
	if n, ok := magic.(*big.Int); !ok || n.Cmp(want) != 0 {
		return f.wrap(0, "", "a pickle that torch.save did not write", nil)
	}
	version, next, err := f.unpickleAt(at, size, "", noPersistentID)
	if err != nil {
		return err
	}
	if version != 1001 {
		return f.wrap(at, "", "a legacy format of an unknown version", nil)
	}
	if _, at, err = f.unpickleAt(next, size, "", noPersistentID); err != nil {
		return err
	}
	l := &legacy{f, map[string]*legacyStorage{}}
	root, at, err := f.unpickleAt(at, size, "", l.persistentLoad)
	if err != nil {
		return err
	}
	keys, at, err := f.unpickleAt(at, size, "", noPersistentID)
	if err != nil {
		return err
	}
	if err := f.flatten(root, ""); err != nil { // names the tensors of damaged storages
		return err
	}
	return l.place(keys, at)
}

// persistentLoad finds the storage named ("storage", class, key, location,
// count, view): all of it if view is None, or the part that view is, (key of
// the part, offset, count) in elements. ("module", class, file, source) names
// a class.
func (l *legacy) persistentLoad(v any) (any, error) {
	t, ok := v.(*types.Tuple)
	if ok && len(*t) == 4 && (*t)[0] == "module" && l.file.inert {
		return (*t)[1], nil
	}
	if !ok || len(*t) != 6 || (*t)[0] != "storage" {
		return nil, errors.New("a persistent id that is no storage of six parts")
	}
	id, err := storageIDOf(*t)
	if err != nil {
		return nil, err
	}
	whole, err := l.storage(id)
	if err != nil {
		return &brokenStorage{err}, nil
	}
	if (*t)[5] == nil {
		return whole, nil
	}
	part, ok := (*t)[5].(*types.Tuple)
	if !ok || len(*part) != 3 {
		return nil, errors.New("a part of a storage that is no tuple of three")
	}
	s, err := whole.part((*part)[1], (*part)[2])
	if err != nil {
		return &brokenStorage{err}, nil
	}
	return s, nil
}

// storage returns the storage that the pickle names id. Storages of one key
// may differ in class, as views of other types do, but not in bytes.
func (l *legacy) storage(id storageID) (*typedStorage, error) {
	width := id.class.width
	if width == 0 {
		return nil, fmt.Errorf("a storage of %s in a legacy file", id.class.name)
	}
	if int64(id.count) > l.file.src.size()/int64(width) {
		return nil, fmt.Errorf("storage %q of %d elements of %s, more than the file has",
			clip(id.key), id.count, id.class.name)
	}
	bytes := int64(id.count) * int64(width)
	s := l.storages[id.key]
	if s == nil {
		s = &legacyStorage{storage: storage{size: bytes}, id: id}
		l.storages[id.key] = s
	}
	if s.size != bytes {
		return nil, fmt.Errorf("storage %q is declared twice, of %d and %d bytes", clip(id.key), s.size, bytes)
	}
	return whole(id.class, &s.storage), nil
}

// part returns count elements of s from offset. Values of a pickle are not
// printed before they are known to be numbers: a list may contain itself.
func (s *typedStorage) part(offset, count any) (*typedStorage, error) {
	from, ok1 := offset.(int)
	n, ok2 := count.(int)
	if !ok1 || !ok2 {
		return nil, errors.New("a part of a storage without offset or count")
	}
	have := int(s.length / int64(s.typ.width))
	if from < 0 || n < 0 || from > have || n > have-from {
		return nil, fmt.Errorf("elements %d to %d+%d of a storage of %d", from, from, n, have)
	}
	width := int64(s.typ.width)
	return &typedStorage{s.typ, s.storage, s.begin + int64(from)*width, int64(n) * width}, nil
}

// place finds the bytes of all storages, which begin at byte at.
func (l *legacy) place(keys any, at int64) error {
	list, ok := keys.(*types.List)
	if !ok {
		return l.file.wrap(at, "", "a legacy file without list of storages", nil)
	}
	for _, k := range *list {
		key, _ := k.(string)
		s := l.storages[key]
		if s == nil || s.placed {
			return l.file.wrap(at, "", fmt.Sprintf("storage %q is unknown or listed twice", clip(key)), nil)
		}
		begin, err := l.file.counted(at, s.id.count, s.size)
		if err != nil {
			return l.file.wrap(at, "", fmt.Sprintf("storage %q", clip(key)), err)
		}
		s.offset, s.placed = begin, true
		at = begin + s.size
	}
	for key, s := range l.storages {
		if !s.placed {
			return l.file.wrap(at, "", fmt.Sprintf("the file has no bytes of storage %q", clip(key)), nil)
		}
	}
	return nil
}

// counted returns where the bytes of a storage begin that has its number of
// elements before it, at byte at.
func (f *file) counted(at int64, count int, bytes int64) (int64, error) {
	var n [8]byte
	if _, err := f.src.ReadAt(n[:], at); err != nil {
		return 0, fmt.Errorf("truncated file: %w", noEOF(err))
	}
	if have := binary.LittleEndian.Uint64(n[:]); have != uint64(count) {
		return 0, fmt.Errorf("%d elements, %d declared", have, count)
	}
	if err := inside(at+8, bytes, f.src.size()); err != nil {
		return 0, fmt.Errorf("truncated file: %w", err)
	}
	return at + 8, nil
}
