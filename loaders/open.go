package loaders

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// Limits bound what a file may make the package do. A zero field means its
// default; the defaults fit every published checkpoint with room to spare.
//
// A short pickle that refers to the same list again and again has very many
// values. It may not have more than 65536 and four for each of its bytes, nor
// dotted keys of more than 1 MiB and 16 bytes for each of its bytes.
type Limits struct {
	PickleBytes  int64 // length of a pickle, and of all dotted keys together, see Entries; default 64 MiB
	PickleOps    int   // opcodes of a pickle; default 5,000,000
	PickleMemory int64 // estimated bytes that unpickling needs; default 4 × the file, from 80 to 512 MiB
	StringBytes  int   // length of one string in a pickle; default 1 MiB
	Nesting      int   // depth of dicts, lists and tuples; default 1024
	Dims         int   // axes of a tensor; default 64
	Entries      int   // tensors and other values; entries of an archive; default 1,000,000; see below
	HeaderBytes  int64 // header of a safetensors file; default (and the format's own limit) 100,000,000
	Inflated     int64 // bytes of all compressed entries together, once inflated; default 4 × the file, at least 24 MiB
	Gathered     int64 // bytes of all tensors that must be copied; default 4 × the file, at least 32 MiB
}

func (l Limits) withDefaults(size int64) Limits {
	or64 := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or64(&l.PickleBytes, 64<<20)
	or(&l.PickleOps, 5_000_000)
	or64(&l.PickleMemory, max(min(4*min(size, 1<<60), 512<<20), 80<<20))
	or(&l.StringBytes, 1<<20)
	or(&l.Nesting, 1024)
	or(&l.Dims, 64)
	or(&l.Entries, 1_000_000)
	or64(&l.HeaderBytes, 100_000_000)
	size = min(size, 1<<60)
	or64(&l.Inflated, max(4*size, 24<<20))
	or64(&l.Gathered, max(4*size, 32<<20))
	return l
}

type options struct {
	copied   bool
	inert    bool
	hashed   bool   // whether sha256 was given
	sha256   string // in hexadecimal digits
	verified bool   // whether the checksum was compared while reading
	named    bool   // whether the name has a checksum
	size     int64  // bytes that a reader is said to give, 0 if unknown
	limits   Limits
}

// An Option changes how a checkpoint is opened.
type Option func(*options)

// WithCopy reads the whole file into memory when it is opened, instead of
// mapping it or sharing the caller's bytes. Use it for files that another
// program may rewrite or truncate meanwhile: a mapped file that shrinks ends
// the process with a bus error when its lost part is read.
func WithCopy() Option { return func(o *options) { o.copied = true } }

// WithInert accepts every Python class and function that a pickle names, and
// keeps what it would have made as an inert *[Opaque]: nothing is imported and
// nothing is run, whatever the file says. It opens whole modules, as
// torch.save(model) writes them, which then have the keys of their state_dict,
// without the classes of the model. [Checkpoint.Globals] lists what the file
// names, [Checkpoint.Value] returns what is not a tensor.
func WithInert() Option { return func(o *options) { o.inert = true } }

// WithSHA256 compares the file's SHA-256, given as 64 hexadecimal digits,
// before anything of it is looked at; where they differ, opening returns a
// [*ChecksumError]. What a reader gives is read once, into memory. A mapped
// file must not be changed by others afterwards: see [WithCopy].
func WithSHA256(digits string) Option {
	return func(o *options) { o.hashed, o.sha256 = true, digits }
}

// WithNameChecksum does the same with the digits in the file's name, eight or
// more, as torch.hub has them: "resnet50-0676ba61.pth". A name without them is
// an error.
func WithNameChecksum() Option { return func(o *options) { o.named = true } }

// WithSize tells [OpenReader] how many bytes the reader will give, if that is
// known: the memory for all of them is then made once, when a quarter has come,
// and not grown. A size that proves wrong costs time and memory, no more.
// [OpenFS] asks the filesystem itself.
func WithSize(bytes int64) Option { return func(o *options) { o.size = bytes } }

// WithLimits replaces the default [Limits]; zero fields keep their default.
func WithLimits(l Limits) Option { return func(o *options) { o.limits = l } }

// Open opens the checkpoint in the file at path. The file is mapped into
// memory (read into it on systems other than Linux, macOS and the BSDs) and
// its tensors are views of the mapping, which lasts for as long as the
// checkpoint or one of its tensors is reachable. An index of shards,
// model.safetensors.index.json or pytorch_model.bin.index.json, opens the
// shards beside it as one checkpoint. It returns an [*os.PathError] if the
// file cannot be read, otherwise the errors of [OpenReaderAt].
func Open(path string, opts ...Option) (*Checkpoint, error) {
	in := folder{
		beside: func(path, name string) string { return filepath.Join(filepath.Dir(path), name) },
	}
	in.open = func(path string, o options, shards *folder) (*Checkpoint, error) {
		if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
			return nil, notRegular(path)
		}
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return openFile(f, path, o, shards)
	}
	return in.open(path, collect(opts), &in)
}

// OpenFS opens the checkpoint in the file of fsys that has this name, and the
// shards of an index. Files of an [os.DirFS] are mapped as [Open] does; those
// of other filesystems, such as [embed.FS], are read as [OpenReader] does, with
// the size that Stat tells of the open file. It returns
// an [*fs.PathError] if the file cannot be read, otherwise the errors of
// [OpenReaderAt].
func OpenFS(fsys fs.FS, name string, opts ...Option) (*Checkpoint, error) {
	in := folder{
		// Names need not be valid ones of package fs: those of an object store begin as "gs://".
		beside: func(name, shard string) string { return name[:strings.LastIndexByte(name, '/')+1] + shard },
	}
	in.open = func(name string, o options, shards *folder) (*Checkpoint, error) {
		if info, err := fs.Stat(fsys, name); err == nil && !info.Mode().IsRegular() {
			return nil, notRegular(name)
		}
		f, err := fsys.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if f, ok := f.(*os.File); ok {
			return openFile(f, name, o, shards)
		}
		o.size = 0
		if info, err := f.Stat(); err == nil {
			o.size = info.Size()
		}
		return openStream(f, name, o, shards)
	}
	return in.open(name, collect(opts), &in)
}

// A folder opens files by their name: the one that was asked for, and if that
// is an index, its shards.
type folder struct {
	open   func(name string, o options, shards *folder) (*Checkpoint, error)
	beside func(name, shard string) string // name of a shard beside a file
}

// notRegular refuses a directory, a device or a pipe. It is looked for before a
// file is opened: opening a pipe that nobody writes to waits for ever.
func notRegular(name string) error {
	return &FormatError{Name: name, Offset: -1, Msg: "not a regular file"}
}

func openFile(f *os.File, path string, o options, shards *folder) (*Checkpoint, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path)
	}
	var src source
	switch {
	case info.Size() == 0:
		src = newMemory(nil, nil)
	case o.copied:
		data, err := readAt(f, 0, info.Size())
		if err != nil {
			return nil, &FormatError{Name: path, Offset: -1, Msg: "cannot be read", Err: err}
		}
		src = newMemory(data, nil)
	default:
		m, err := mapFile(f, info.Size())
		if err != nil {
			return nil, &os.PathError{Op: "map", Path: path, Err: err}
		}
		src = newMemory(m.data, m)
	}
	return open(src, path, o, shards)
}

// OpenReaderAt opens the checkpoint in the first size bytes of r; name stands
// for it in errors. Each tensor is read when it is asked for, into memory of
// its own, so r must stay usable for as long as the checkpoint is. It returns
// a [*FormatError] for what is not a readable checkpoint, a [*GlobalError] for
// a pickle that wants more than tensors and plain values, a [*LimitError] for
// a file beyond its limits, and a [*ChecksumError] for a file that is not the
// one that was asked for.
func OpenReaderAt(r io.ReaderAt, size int64, name string, opts ...Option) (*Checkpoint, error) {
	if size < 0 {
		return nil, &FormatError{Name: name, Offset: -1, Msg: fmt.Sprintf("a file of %d bytes", size)}
	}
	o := collect(opts)
	section := io.NewSectionReader(r, 0, size)
	if !o.copied {
		return open(reading{section}, name, o, nil)
	}
	data, err := readAt(section, 0, size)
	if err != nil {
		return nil, &FormatError{Name: name, Offset: -1, Msg: "cannot be read", Err: err}
	}
	return open(newMemory(data, nil), name, o, nil)
}

// OpenReader opens the checkpoint that r gives until its end; name stands for
// it in errors. All of it is read into one block of memory, aligned to
// [tensor.Alignment], which the tensors share. While it is read there is a
// quarter as much besides for a moment, or as much again if nobody knows how
// long it is: see [WithSize]. It returns the errors of [OpenReaderAt].
func OpenReader(r io.Reader, name string, opts ...Option) (*Checkpoint, error) {
	return openStream(r, name, collect(opts), nil)
}

func openStream(r io.Reader, name string, o options, shards *folder) (*Checkpoint, error) {
	want, err := o.wanted(name)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	if want != "" {
		r = io.TeeReader(r, h)
	}
	data, err := readToEnd(r, o.size)
	if err != nil {
		return nil, &FormatError{Name: name, Offset: -1, Msg: "cannot be read", Err: err}
	}
	if want != "" {
		if err := verify(h, name, want); err != nil {
			return nil, err
		}
	}
	o.verified = true
	return open(newMemory(data, nil), name, o, shards)
}

// OpenBytes opens the checkpoint in data, for instance an embedded file; name
// stands for it in errors. Its tensors share memory with data, so data must
// not change. It returns the errors of [OpenReaderAt].
func OpenBytes(data []byte, name string, opts ...Option) (*Checkpoint, error) {
	o := collect(opts)
	if o.copied {
		data = bytes.Clone(data)
	}
	return open(newMemory(data, nil), name, o, nil)
}

func collect(opts []Option) options {
	var o options
	for _, set := range opts {
		set(&o)
	}
	return o
}

// open recognises the format of src and reads its directory. Shards are opened
// by in, if the file can have any.
func open(src source, name string, o options, in *folder) (c *Checkpoint, err error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, &FormatError{Name: name, Offset: -1, Msg: "checkpoints are little-endian, this machine is not"}
	}
	f := &file{name: name, limits: o.limits.withDefaults(src.size()), inert: o.inert}
	defer f.guard(&err)()
	if !o.verified {
		want, err := o.wanted(name)
		if err != nil {
			return nil, err
		}
		if src, err = f.verified(src, want); err != nil {
			return nil, err
		}
	}
	f.src = src
	head := make([]byte, min(src.size(), 512))
	if _, err := src.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, f.wrap(0, "", "cannot be read", err)
	}
	switch {
	case len(head) >= 9 && head[8] == '{' && string(head[4:8]) == "\x00\x00\x00\x00":
		err = f.readSafetensors() // no zip file: that has its compression method in byte 8
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		err = f.readZip()
	case isLegacy(head):
		err = f.readLegacy()
	case isTar(head):
		err = f.readTar()
	case in != nil && bytes.HasPrefix(head, []byte("{")):
		if o.hashed || o.named {
			return nil, f.wrap(0, "", "the checksum of an index says nothing of its shards: open them one by one", nil)
		}
		err = f.readIndex(o, in)
	default:
		err = f.wrap(0, "", foreign(head), nil)
	}
	if err != nil {
		return nil, err
	}
	return newCheckpoint(f), nil
}

// guard returns what the public functions defer around work on untrusted
// bytes: a panic becomes an error. It is a belt, not the means of checking;
// besides mistakes of ours and gopickle's it catches the memory fault of a
// mapped file that was truncated meanwhile.
func (f *file) guard(err *error) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			*err = &FormatError{Name: f.name, Offset: -1, Msg: "damaged file", Err: fmt.Errorf("%v", r)}
		}
	}
}

// foreign says what a file that is no checkpoint begins with, and what to do.
func foreign(head []byte) string {
	const again = "; load it with torch and save it again: torch.save(model.state_dict(), path)"
	if len(head) == 0 {
		return "empty file"
	}
	for _, k := range foreignFormats {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return "not a checkpoint of PyTorch but " + k.what
		}
	}
	if head[0] == 0x80 {
		return "a pickle that torch.save did not write" + again
	}
	return "neither a file of torch.save (zip, legacy, tar) nor safetensors"
}

var foreignFormats = []struct{ magic, what string }{
	{"version https://git-lfs", "a pointer of Git LFS: fetch the file itself with git lfs pull"},
	{"<", "a page of HTML or XML: the download went wrong"},
	{"{", "a text of JSON: if it is an index of shards, open it by its path, or open the files that it names"},
	{"GGUF", "a GGUF file"},
	{"\x89HDF", "an HDF5 file (Keras)"},
	{"\x93NUMPY", "an array of NumPy"},
	{"\x1f\x8b", "a gzip file: decompress it first"},
	{"\x28\xb5\x2f\xfd", "a Zstandard file: decompress it first"},
	{"PK\x05\x06", "an empty zip file"},
}
