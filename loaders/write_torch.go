package loaders

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// WriteTorch writes t to w as torch.save writes a state_dict since PyTorch
// 1.6, for torch.load (weights_only=True, mmap=True and older ones) and [Open]:
// a zip archive with an OrderedDict of tensors, their storages aligned to 64
// bytes, uncompressed, with checksums. w need not seek; sizes and checksums
// follow the data, and offsets beyond 4 GiB are written as zip64. The same
// tensors give the same bytes.
//
// Tensors of a [*Checkpoint] or a [*StateDict] that share memory are written
// once, and share it again when they are loaded; memory between them is not
// written. Tensors that are not contiguous in their file are written in C
// order, each on its own. Values of a checkpoint that are not tensors are not
// written, and nested dicts become dotted keys: write c.Sub("model") to unwrap
// a state_dict.
//
// It returns a [*WriteError]. What was written to w by then is no readable
// file; [SaveTorch] leaves none behind.
func WriteTorch(w io.Writer, t Tensors) (err error) {
	defer guardWrite(&err)()
	items, err := itemsOf(t)
	if err != nil {
		return err
	}
	runs := runsOf(items)
	z := newTorchArchive(w)
	z.text("data.pkl", pickleOf(items, versionsOf(t)))
	z.text(".format_version", "1")
	z.text(".storage_alignment", strconv.Itoa(tensor.Alignment))
	z.text("byteorder", "little")
	for _, r := range runs {
		z.create("data/"+r.key, r.bytes)
		for _, p := range r.parts {
			if z.err == nil {
				z.err = p.item.write(z.entry, t, p.skip)
			}
		}
	}
	z.text("version", "3\n")
	return z.close()
}

// A run is a stretch of memory that is written as one storage: the union of
// tensors that overlap, one after the other.
type run struct {
	key   string // its number
	first int    // the first of its tensors, among all
	bytes int64
	parts []part
}

// A part is what a tensor adds to a run: its bytes without the first skip,
// which are also those of tensors before it.
type part struct {
	item *item
	skip int64
}

// runsOf distributes items over runs, numbered in the order of their first
// tensors, as torch does. A torch view begins at a whole element of its
// storage and has its type, so only tensors for which that holds share a run.
func runsOf(items []*item) []*run {
	type sharing struct {
		memory any
		dtype  tensor.DType
		phase  int64 // in the element
	}
	type placed struct {
		*item
		index int
	}
	groups := map[sharing][]placed{}
	var runs []*run
	for n, i := range items {
		if i.memory == nil {
			i.run = &run{first: n, bytes: i.bytes, parts: []part{{i, 0}}}
			runs = append(runs, i.run)
			continue
		}
		s := sharing{i.memory, i.dtype, i.begin % int64(i.dtype.Size())}
		groups[s] = append(groups[s], placed{i, n})
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b placed) int { return cmp.Compare(a.begin, b.begin) })
		var r *run
		var begin, end int64 // of r in memory
		for _, i := range group {
			if r == nil || i.begin >= end {
				r = &run{first: i.index}
				begin, end = i.begin, i.begin
				runs = append(runs, r)
			}
			i.run, i.offset = r, i.begin-begin
			r.first = min(r.first, i.index)
			if i.begin+i.bytes > end {
				r.parts = append(r.parts, part{i.item, end - i.begin})
				end = i.begin + i.bytes
				r.bytes = end - begin
			}
		}
	}
	slices.SortFunc(runs, func(a, b *run) int { return cmp.Compare(a.first, b.first) })
	for n, r := range runs {
		r.key = strconv.Itoa(n)
	}
	return runs
}

// A moduleVersion is an entry of _metadata.
type moduleVersion struct {
	module  string
	version int
}

// versionsOf returns the versions that t knows of modules that have tensors,
// each before those inside it.
func versionsOf(t Tensors) []moduleVersion {
	v, ok := t.(interface {
		Version(module string) (int, bool)
	})
	if !ok {
		return nil
	}
	var versions []moduleVersion
	asked := map[string]bool{}
	ask := func(module string) {
		if n, ok := v.Version(module); ok && !asked[module] {
			versions = append(versions, moduleVersion{module, n})
		}
		asked[module] = true
	}
	ask("")
	for _, key := range t.Keys() {
		for at, c := range key {
			if c == '.' {
				ask(key[:at])
			}
		}
	}
	return versions
}

// A torchArchive writes the entries of a zip file, each aligned. The first
// error stays.
type torchArchive struct {
	zip   *zip.Writer
	out   *counter
	entry io.Writer // the current one
	tail  int64     // bytes that the archive will write to end it
	err   error
}

// torchPrefix is the directory in the archive, the name that torch takes when
// it writes to a stream.
const torchPrefix = "archive/"

func newTorchArchive(w io.Writer) *torchArchive {
	out := &counter{w: w}
	return &torchArchive{zip: zip.NewWriter(out), out: out}
}

// create begins an entry of so many bytes, which begin at a multiple of 64: an
// extra field of the header pads it, as torch's does.
func (z *torchArchive) create(name string, size int64) {
	if z.err == nil {
		z.err = z.zip.Flush()
	}
	if z.err != nil {
		return
	}
	const header, field = 30, 4 // bytes of a local header and of an empty extra field
	name = torchPrefix + name
	begin := z.out.n + z.tail + header + int64(len(name)) + field
	padding := -begin & (tensor.Alignment - 1)
	extra := binary.LittleEndian.AppendUint16([]byte("FB"), uint16(padding))
	extra = append(extra, strings.Repeat("Z", int(padding))...)
	z.entry, z.err = z.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Extra: extra})
	z.tail = 16 // sizes and checksum, written when the next entry begins
	if size >= math.MaxUint32 {
		z.tail = 24
	}
}

func (z *torchArchive) text(name, content string) {
	z.create(name, int64(len(content)))
	if z.err == nil {
		_, z.err = io.WriteString(z.entry, content)
	}
}

func (z *torchArchive) close() error {
	if z.err == nil {
		z.err = z.zip.Close()
	}
	if _, ok := z.err.(*WriteError); z.err != nil && !ok {
		return &WriteError{Err: z.err}
	}
	return z.err
}

// A counter counts the bytes that pass through it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}
