package loaders

import (
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nlpodyssey/gopickle/types"
)

// An archive is the directory of a zip file of torch.save:
//
//	PREFIX/data.pkl      the pickle of the saved object, storages by number
//	PREFIX/data/0 …      the bytes of the storages, not compressed by torch
//	PREFIX/byteorder     "little", or "big" if a machine of that order wrote it
//	PREFIX/version …     others, of no interest here
//
// The prefix is the file's name when it was saved, and may be anything.
type archive struct {
	file     *file
	prefix   string
	entries  []*zip.File          // in the order of the directory
	members  map[string]*zip.File // by name without prefix
	storages map[string]*storage  // those that the pickle named, by number
	kinds    map[string]storageID // how it named them
	spans    []memberSpan         // where they are
}

// A memberSpan is the part of the file that a storage takes.
type memberSpan struct {
	span
	name string
}

// apart checks that no two storages overlap: one must not change the meaning
// of another.
func (a *archive) apart() error {
	slices.SortFunc(a.spans, func(x, y memberSpan) int { return cmp.Compare(x.begin, y.begin) })
	for i, s := range a.spans[min(1, len(a.spans)):] {
		if before := a.spans[i]; s.begin < before.end {
			return a.file.wrap(s.begin, s.name, fmt.Sprintf("overlaps %q", clip(before.name)), nil)
		}
	}
	return nil
}

// A storageID is how a pickle names a storage.
type storageID struct {
	class *elementType
	key   string
	count int // elements of class
}

// readZip reads a zip file of torch.save.
func (f *file) readZip() error {
	f.format = "torch zip"
	a, err := f.openArchive()
	if err != nil {
		return err
	}
	if a.members["constants.pkl"] != nil {
		return f.wrap(-1, "", "a TorchScript archive (it has constants.pkl) is a program, not weights; "+
			"save the weights in Python: torch.save(torch.jit.load(path).state_dict(), path2)", nil)
	}
	if m := a.members["byteorder"]; m != nil {
		order, err := f.read(m, 16)
		if err != nil {
			return err
		}
		switch string(order) {
		case "little":
		case "big":
			f.swapped = true
		default:
			return f.wrap(-1, m.Name, fmt.Sprintf("byte order %q", clip(string(order))), nil)
		}
	}
	m := a.members["data.pkl"]
	if m == nil {
		return f.wrap(-1, "", foreignZip(a.entries, "a zip file without data.pkl was not written by torch.save"), nil)
	}
	pkl, err := f.read(m, f.limits.PickleBytes)
	if err != nil {
		return err
	}
	root, err := f.unpickle(pkl, m.Name, a.persistentLoad)
	if err != nil {
		return err
	}
	if err := a.apart(); err != nil {
		return err
	}
	return f.flatten(root, m.Name)
}

func (f *file) openArchive() (*archive, error) {
	z, err := zip.NewReader(f.src, f.src.size())
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) { // names are looked up, never used as paths
		return nil, f.wrap(-1, "", "damaged or truncated zip file", err)
	}
	if len(z.File) == 0 {
		return nil, f.wrap(-1, "", "empty zip file", nil)
	}
	if len(z.File) > f.limits.Entries {
		return nil, &LimitError{f.name, "Entries", int64(f.limits.Entries), "entries of the archive"}
	}
	prefix, _, ok := strings.Cut(z.File[0].Name, "/")
	if !ok {
		return nil, f.wrap(-1, z.File[0].Name, foreignZip(z.File, "a zip file whose entries lie in no directory "+
			"was not written by torch.save"), nil)
	}
	a := &archive{
		file: f, prefix: prefix + "/", entries: z.File, members: make(map[string]*zip.File, len(z.File)),
		storages: map[string]*storage{}, kinds: map[string]storageID{},
	}
	for _, m := range z.File {
		name, ok := strings.CutPrefix(m.Name, a.prefix)
		if !ok {
			return nil, f.wrap(-1, m.Name, fmt.Sprintf("entry outside the directory %q of the archive", a.prefix), nil)
		}
		if a.members[name] != nil {
			return nil, f.wrap(-1, m.Name, "entry occurs twice", nil)
		}
		a.members[name] = m
	}
	return a, nil
}

// foreignZip says what a zip file that torch.save did not write is by its
// entries, and what to do; otherwise is for those that are not known.
func foreignZip(entries []*zip.File, otherwise string) string {
	for _, m := range entries {
		for _, k := range foreignZips {
			if strings.HasSuffix(m.Name, k.suffix) {
				return "not a checkpoint of torch.save but " + k.what
			}
		}
	}
	return otherwise
}

var foreignZips = []struct{ suffix, what string }{
	{".npy", "an archive of NumPy arrays: save them in Python, " +
		"torch.save({k: torch.from_numpy(v) for k, v in numpy.load(path).items()}, path2)"},
	{"/archive_format", "a program of torch.export: save its weights in Python, " +
		"torch.save(torch.export.load(path).state_dict, path2)"},
	{"/.data/extern_modules", "a package of torch.package: load the module that it has in Python, " +
		"torch.save(module.state_dict(), path2)"},
	{"model.weights.h5", "a model of Keras"},
}

// read returns the bytes of a member of at most limit bytes.
func (f *file) read(m *zip.File, limit int64) ([]byte, error) {
	if m.UncompressedSize64 > uint64(limit) {
		return nil, f.wrap(-1, m.Name, fmt.Sprintf("%d bytes, more than %d", m.UncompressedSize64, limit), nil)
	}
	s, err := f.place(m)
	if err != nil {
		return nil, err
	}
	return f.bytes(s, 0, s.size)
}

// place returns where the bytes of a member are, after checking that the file
// has as many as it should. Sizes come from the directory alone: those of the
// local header may be missing (data descriptors), and so may the checksum,
// which torch can be told not to compute.
func (f *file) place(m *zip.File) (*storage, error) {
	size := int64(m.UncompressedSize64)
	if size < 0 || int64(m.CompressedSize64) < 0 {
		return nil, f.wrap(-1, m.Name, "size beyond 63 bits", nil)
	}
	if m.Flags&1 != 0 {
		return nil, f.wrap(-1, m.Name, "encrypted entry", nil)
	}
	offset, err := m.DataOffset()
	if err != nil {
		return nil, f.wrap(-1, m.Name, "damaged entry", err)
	}
	if err := inside(offset, int64(m.CompressedSize64), f.src.size()); err != nil {
		return nil, f.wrap(-1, m.Name, "truncated file", err)
	}
	switch m.Method {
	case zip.Store:
		if m.CompressedSize64 != m.UncompressedSize64 {
			return nil, f.wrap(-1, m.Name, fmt.Sprintf("stored entry of %d bytes that should be %d",
				m.CompressedSize64, m.UncompressedSize64), nil)
		}
		return &storage{offset: offset, size: size}, nil
	case zip.Deflate:
		const best = 1032 // DEFLATE makes at most 1032 bytes of one
		if m.UncompressedSize64/best > m.CompressedSize64 {
			return nil, f.wrap(-1, m.Name, fmt.Sprintf("%d bytes cannot inflate to %d",
				m.CompressedSize64, m.UncompressedSize64), nil)
		}
		return &storage{offset: offset, size: size, member: m}, nil
	}
	return nil, f.wrap(-1, m.Name, fmt.Sprintf("compression method %d is not read", m.Method), nil)
}

// inflate decompresses a member that [place] has seen. The caller holds f.mu.
func (f *file) inflate(m *zip.File) ([]byte, error) {
	size := int64(m.UncompressedSize64)
	if size > f.limits.Inflated-f.inflated {
		return nil, &LimitError{f.name, "Inflated", f.limits.Inflated,
			fmt.Sprintf("compressed entry %q of %d bytes", clip(m.Name), size)}
	}
	f.inflated += size
	r, err := m.Open()
	if err != nil {
		return nil, f.wrap(-1, m.Name, "damaged entry", err)
	}
	defer r.Close()
	data, err := readAll(r, size) // at the end the reader checks length and checksum
	if err != nil {
		return nil, f.wrap(-1, m.Name, "damaged entry", err)
	}
	return data, nil
}

// persistentLoad finds the storage named ("storage", class, key, location,
// count). The location, "cpu" or "cuda:0", is where the tensor was.
func (a *archive) persistentLoad(v any) (any, error) {
	t, ok := v.(*types.Tuple)
	if !ok || len(*t) != 5 || (*t)[0] != "storage" {
		return nil, errors.New("a persistent id that is no storage of five parts")
	}
	id, err := storageIDOf(*t)
	if err != nil {
		return nil, err
	}
	s, err := a.storage(id)
	if err != nil {
		return &brokenStorage{err}, nil
	}
	return whole(id.class, s), nil
}

// storageIDOf reads the class, key and count of a persistent id.
func storageIDOf(t types.Tuple) (storageID, error) {
	class, ok1 := t[1].(*storageClass)
	key, ok2 := t[2].(string)
	count, ok3 := t[4].(int)
	if !ok1 || !ok2 || !ok3 || count < 0 {
		return storageID{}, errors.New("a storage without class, key or count")
	}
	return storageID{class.elementType, key, count}, nil
}

// storage returns the storage that the pickle names id, checking that the
// archive has exactly its bytes.
func (a *archive) storage(id storageID) (*storage, error) {
	if s := a.storages[id.key]; s != nil {
		if a.kinds[id.key] != id {
			return nil, fmt.Errorf("storage %q is declared twice, differently", clip(id.key))
		}
		return s, nil
	}
	m := a.members["data/"+id.key]
	if m == nil {
		return nil, fmt.Errorf("the archive has no entry %q", clip(a.prefix+"data/"+id.key))
	}
	s, err := a.file.place(m)
	if err != nil {
		return nil, err
	}
	width := id.class.width
	if width == 0 {
		width = 1
	}
	if s.size%int64(width) != 0 || s.size/int64(width) != int64(id.count) {
		return nil, fmt.Errorf("storage %q has %d elements of %s, its entry %d bytes",
			clip(id.key), id.count, id.class.name, s.size)
	}
	a.storages[id.key], a.kinds[id.key] = s, id
	const header = 30 // bytes of an entry before its name; DataOffset has seen it
	begin := s.offset - header - int64(len(m.Name))
	a.spans = append(a.spans, memberSpan{span{begin, s.offset + int64(m.CompressedSize64)}, m.Name})
	return s, nil
}

// wrap returns a [FormatError] in f.
func (f *file) wrap(offset int64, member, msg string, err error) error {
	return &FormatError{Name: f.name, Offset: offset, Member: clip(member), Msg: msg, Err: err}
}
