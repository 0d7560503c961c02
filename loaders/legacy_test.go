package loaders_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
)

const legacyHead = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + "\x80\x02M\xe9\x03." + "\x80\x02}."

// legacyStorage is a storage of a legacy file, or a part of one.
func legacyStorage(class, key string, count int, part string) string {
	return tuple(str("storage"), global("torch", class), str(key), str("cpu"), num(count), part) + "Q"
}

// legacyOf is a legacy file of an object, and for each key its count and bytes.
func legacyOf(body string, keys []string, counts []int, bytes ...int) string {
	list := "]("
	for _, k := range keys {
		list += str(k)
	}
	f := legacyHead + pkl(body) + pkl(list+"e")
	for i, n := range counts {
		f += string(binary.LittleEndian.AppendUint64(nil, uint64(n)))
		for b := range bytes[i] {
			f += string([]byte{byte(b)})
		}
	}
	return f
}

func TestLegacyRules(t *testing.T) {
	s := func(n int) string { return legacyStorage("FloatStorage", "0", n, "N") }
	one := dict("w", view(s(2), 0, []int{2}, []int{1}))
	good := legacyOf(one, []string{"0"}, []int{2}, 8)
	c, err := loaders.OpenBytes([]byte(good), "f")
	if err != nil {
		t.Fatal(err)
	}
	i, _ := c.Info("w")
	if b := values(t, c, "w").Bytes(); string(b) != "\x00\x01\x02\x03\x04\x05\x06\x07" || &b[0] == &[]byte(good)[i.Offset] {
		t.Errorf("%x", b)
	}
	// Two types of the same bytes are views of one storage, as torch has them.
	both := dict("w", view(s(2), 0, []int{2}, []int{1}),
		"v", view(legacyStorage("IntStorage", "0", 2, "N"), 0, []int{2}, []int{1}),
		"half", view(legacyStorage("HalfStorage", "0", 4, "N"), 3, []int{}, []int{}))
	if c, err = loaders.OpenBytes([]byte(legacyOf(both, []string{"0"}, []int{2}, 8)), "f"); err != nil {
		t.Fatal(err)
	}
	if b := values(t, c, "half").Bytes(); string(b) != "\x06\x07" {
		t.Errorf("%x", b)
	}
	part := func(offset, count int) string { return tuple(str("p"), num(offset), num(count)) }
	view1 := func(p string) string {
		return dict("w", view(legacyStorage("FloatStorage", "0", 4, p), 0, []int{2}, []int{1}))
	}
	var cases []want
	for _, c := range []struct{ name, file, text string }{
		{"a part beyond", legacyOf(view1(part(3, 2)), []string{"0"}, []int{4}, 16), "elements 3 to 3+2 of a storage of 4"},
		{"a part of 2^62", legacyOf(view1(part(1, math.MaxInt)), []string{"0"}, []int{4}, 16), "of a storage of 4"},
		{"a part before", legacyOf(view1(part(-1, 2)), []string{"0"}, []int{4}, 16), "elements -1"},
		{"a tensor beyond its part", legacyOf(view1(part(3, 1)), []string{"0"}, []int{4}, 16), "storage of 1"},
		{"a part of text", legacyOf(view1(str("p")), []string{"0"}, []int{4}, 16), "no tuple of three"},
		{"a part without count", legacyOf(view1(tuple(str("p"), num(0), "N")), []string{"0"}, []int{4}, 16), "without offset or count"},
		// Printing it would overflow the stack, which nothing recovers.
		{"a part from a list in itself", legacyOf(view1(tuple(str("p"), "]q\x01h\x01a", num(1))), []string{"0"}, []int{4}, 16),
			"without offset or count"},
		{"a part of a dict in itself", legacyOf(view1(tuple(str("p"), num(0), "}q\x01K\x01h\x01s")), []string{"0"}, []int{4}, 16),
			"without offset or count"},
		{"no keys", legacyOf(one, nil, nil), `no bytes of storage "0"`},
		{"an unknown key", legacyOf(one, []string{"0", "1"}, []int{2, 2}, 8, 8), `storage "1" is unknown`},
		{"a key twice", legacyOf(one, []string{"0", "0"}, []int{2, 2}, 8, 8), "listed twice"},
		{"another count", legacyOf(one, []string{"0"}, []int{3}, 12), "3 elements, 2 declared"},
		{"a count of 2^64-1", legacyOf(one, []string{"0"}, []int{-1}, 8), "18446744073709551615 elements"},
		{"no count", good[:len(good)-9], "truncated file"},
		{"a byte less", good[:len(good)-1], "truncated file"},
		{"a storage of 2^60", legacyOf(dict("w", view(s(1<<60), 0, []int{1}, []int{1})), []string{"0"}, []int{1 << 60}, 8),
			"more than the file has"},
		{"two lengths", legacyOf(dict("w", view(s(2), 0, []int{2}, []int{1}), "v", view(s(1), 0, []int{1}, []int{1})),
			[]string{"0"}, []int{2}, 8), "declared twice, of 8 and 4 bytes"},
		{"bits", legacyOf(dict("w", view(legacyStorage("QUInt4x2Storage", "0", 2, "N"), 0, []int{1}, []int{1})),
			[]string{"0"}, []int{2}, 8), "a storage of quint4x2"},
		{"keys of a dict", legacyHead + pkl(one) + pkl("}"), "without list of storages"},
		{"keys of numbers", legacyHead + pkl(one) + pkl("](K\x01e"), `storage "" is unknown`},
		{"no object", legacyHead, "no STOP"},
		{"no list", legacyHead + pkl(one), "no STOP"},
		{"five parts", legacyOf(dict("w", floats("0", 2)), []string{"0"}, []int{2}, 8), "storage of six parts"},
		{"a module", legacyOf(tuple(str("module"), "N", "N", "N")+"Q", nil, nil), "storage of six parts"},
		{"another version", strings.Replace(good, "M\xe9\x03", "M\xe8\x03", 1), "unknown version"},
		{"a storage in the head", strings.Replace(good, "}.", str("x")+"Q.", 1), "no storage can be"},
		{"the magic in a text", pkl(str("119547037146038801333356")), "torch.save did not write"},
		{"posix.system", legacyHead + pkl(global("posix", "system")), "Trying to load unsupported GLOBAL posix.system"},
	} {
		cases = append(cases, want{c.name, []byte(c.file), c.text})
	}
	refuse(t, cases)
	for data, n := file(t, "parts.pth"), 0; n < len(data); n++ { // every prefix is refused
		if err := touch(t, data[:n]); err == nil {
			t.Fatalf("%d bytes of it open", n)
		}
	}
	// Through a reader, a pickle is read piece by piece until its limit.
	long := legacyOf(dict("w", view(s(2), 0, []int{2}, []int{1}), "x", str(strings.Repeat("x", 100000))), []string{"0"}, []int{2}, 8)
	if err := touch(t, []byte(long)); err != nil {
		t.Errorf("a long pickle: %v", err)
	}
	err = touch(t, []byte(long), loaders.WithLimits(loaders.Limits{PickleBytes: 50000}))
	if l := (*loaders.LimitError)(nil); !errors.As(err, &l) || l.Limit != "PickleBytes" {
		t.Errorf("a pickle beyond its limit: %v", err)
	}
}

// tarOf is an archive of members, name and content in turn.
func tarOf(t testing.TB, edit func(*tar.Header), members ...string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := 0; i < len(members); i += 2 {
		h := &tar.Header{Name: members[i], Size: int64(len(members[i+1])), Mode: 0o600, Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if edit != nil {
			edit(h)
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(members[i+1])); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func words(n ...int) string {
	var b []byte
	for _, x := range n {
		b = binary.LittleEndian.AppendUint64(b, uint64(x))
	}
	return string(b)
}

func TestTarRules(t *testing.T) {
	float := global("torch", "FloatStorage")
	storages := func(n int, parts string, records ...string) string {
		return pkl(num(n)) + strings.Join(records, "") + pkl(parts)
	}
	record := func(key, count, bytes int) string {
		return pkl(tuple(num(key), str("cpu"), float)) + words(count) + strings.Repeat("\x01", bytes)
	}
	tensors := func(n int, records ...string) string { return pkl(num(n)) + strings.Join(records, "") }
	tensorOf := func(key, storage string, numbers ...int) string {
		return pkl(tuple(key, storage, global("torch", "FloatTensor"))) + words(numbers...)
	}
	two := storages(1, "]", record(7, 2, 8))
	vector := tensors(1, tensorOf(num(9), num(7), 1, 2, 1, 0))
	object := pkl(dict("w", str("9")+"Q"))
	if err := touch(t, tarOf(t, nil, "storages", two, "tensors", vector, "pickle", object)); err != nil {
		t.Fatal(err)
	}
	// Tensors without axes have no element; a name may begin with "./".
	empty := tarOf(t, nil, "sys_info", pkl("}"), "./storages", two, "./tensors", tensors(2, tensorOf(num(9), "N", 0, 0), tensorOf(num(8), num(7), 0, 0)),
		"./pickle", pkl(dict("w", str("9")+"Q", "v", num(8)+"Q", "s", str("7")+"Q")))
	c, err := loaders.OpenBytes(empty, "f")
	if err != nil || values(t, c, "w").Len() != 0 || values(t, c, "v").Len() != 0 || len(c.Ignored()) != 1 {
		t.Errorf("tensors without axes: %v, %v", c, err)
	}
	var cases []want
	for _, c := range []struct{ name, storages, tensors, object, text string }{
		{"a count of -1", pkl(num(-1)), vector, object, "storages: byte 512: not a number of entries"},
		{"a count of text", pkl(str("1")), vector, object, "not a number of entries"},
		{"a count of 2^60", pkl(num(1 << 60)), vector, object, "Limits.Entries"},
		{"more storages than there are", storages(2, "]", record(7, 2, 8)), vector, object, "not a tuple of 3 parts"},
		{"a storage without class", storages(1, "]", pkl(tuple(num(7), str("cpu"), "N"))+words(2)+"12345678"), vector, object, "without class"},
		{"a key twice", storages(2, "]", record(7, 2, 8), record(7, 2, 8)), vector, object, "key of its own"},
		{"2^61 elements", storages(1, "]", record(7, 1<<61, 8)), vector, object, "truncated: 2305843009213693952 elements"},
		{"2^64-1 elements", storages(1, "]", record(7, -1, 8)), vector, object, "truncated"},
		{"no elements", storages(1, "]", pkl(tuple(num(7), str("cpu"), float))), vector, object, "truncated"},
		{"no parts", pkl(num(1)) + record(7, 2, 8), vector, object, "no STOP"},
		{"parts of a dict", storages(1, "}", record(7, 2, 8)), vector, object, "no list of parts"},
		{"a part of numbers", storages(1, "](K\x01e", record(7, 2, 8)), vector, object, "no tuple of four"},
		{"a part of nothing", storages(1, "]("+nums(1, 2, 3, 4)+"e", record(7, 2, 8)), vector, object, "a part of no storage"},
		{"a part of its own key", storages(1, "]("+nums(7, 7, 0, 1)+"e", record(7, 2, 8)), vector, object, "with the key of another"},
		{"a part beyond", storages(1, "]("+nums(1, 7, 1, 2)+"e", record(7, 2, 8)), vector, object, "elements 1 to 1+2 of a storage of 2"},
		{"a tensor without key", two, tensors(1, tensorOf("N", num(7), 1, 2, 1, 0)), object, "a tensor without key"},
		{"a tensor twice", two, tensors(2, tensorOf(num(9), num(7), 1, 2, 1, 0), tensorOf(num(9), num(7), 1, 2, 1, 0)), object, "key of its own"},
		{"a tensor of no storage", two, tensors(1, tensorOf(num(9), num(1), 1, 2, 1, 0)), object, `tensor "w": damaged: a tensor of no storage`},
		{"a tensor beyond its storage", two, tensors(1, tensorOf(num(9), num(7), 1, 3, 1, 0)), object, "reaches element 2"},
		{"an offset of -1", two, tensors(1, tensorOf(num(9), num(7), 1, 2, 1, -1)), object, "offset -1"},
		{"65 axes", two, tensors(1, tensorOf(num(9), num(7), 65)), object, "Limits.Dims"},
		{"2^32-1 axes", two, tensors(1, tensorOf(num(9), num(7), math.MaxUint32)), object, "Limits.Dims"},
		{"axes missing", two, tensors(1, tensorOf(num(9), num(7), 1, 2)), object, "unexpected EOF"},
		{"an unknown id", two, vector, pkl(dict("w", str("1")+"Q")), "no tensor and no storage"},
		{"an id of text", two, vector, pkl(dict("w", str("x")+"Q")), "no number"},
		{"an id of a class", two, vector, pkl(tuple(global("torch", "Tensor"), "N", "N") + "Q"), "no number"},
	} {
		cases = append(cases, want{c.name, tarOf(t, nil, "storages", c.storages, "tensors", c.tensors, "pickle", c.object), c.text})
	}
	good := []string{"storages", two, "tensors", vector, "pickle", object}
	whole := tarOf(t, nil, good...)
	cases = append(cases,
		want{"no pickle", tarOf(t, nil, good[:4]...), `a tar file without "pickle"`},
		want{"a member twice", tarOf(t, nil, append(good, "pickle", object)...), "pickle: byte"},
		want{"a link", tarOf(t, func(h *tar.Header) {
			if h.Name == "pickle" {
				h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, "/etc/passwd", 0
			}
		}, good...), "not a plain file"},
		want{"truncated", whole[:len(whole)-1520], "truncated"},
		want{"a header of nothing", append(bytes.Repeat([]byte{'x'}, 257), append([]byte("ustar"), make([]byte, 300)...)...), "damaged or truncated tar"},
	)
	refuse(t, cases)
}
