package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argand-go/argand/loaders"
)

// tellLosses says what of src is not in the file that was made of it.
func (c *convert) tellLosses(src *loaders.Checkpoint, out string) error {
	safe := strings.EqualFold(filepath.Ext(out), ".safetensors")
	var texts []string // that a torch file cannot hold
	for name, value := range src.Metadata() {
		if !safe && (name != "format" || value != "pt") { // what every safetensors file of PyTorch's says
			texts = append(texts, name)
		}
	}
	slices.Sort(texts)
	why := "a safetensors file ties no tensors"
	if !safe {
		why = "tensors are tied in a torch file only if their elements lie in C order"
	}
	for _, loss := range []struct {
		what string
		of   []string
	}{
		{"not tensors, and not written", printables(src.Ignored())},
		{why + "; written as copies", copies(src, !safe)},
		{"metadata that a torch file cannot hold", printables(texts)},
	} {
		if err := warn(c.stderr, loss.what, loss.of); err != nil {
			return err
		}
	}
	return nil
}

// warn prints what is lost of which, the first of them if they are many.
func warn(w io.Writer, what string, of []string) error {
	if len(of) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(w, "argand: warning: %s: %s\n", what, first(10, of))
	return err
}

// A span is the part of a storage that a tensor has elements in.
type span struct {
	key        string
	index      int   // of the key
	begin, end int64 // in bytes
}

// copies returns "b (of a)" for each tensor b that is written on its own though it shares elements with one before it,
// in the order of the file: all of them, or if tied are kept, those that are not in C order.
func copies(src *loaders.Checkpoint, tied bool) []string {
	storages := map[int][]span{}
	loose := map[string]bool{} // tensors that are written on their own
	for n, key := range src.Keys() {
		info, _ := src.Info(key)
		if info.Bytes == 0 {
			continue
		}
		s := span{key, n, 0, info.StorageBytes} // for all we know of a compressed one
		if info.Offset >= 0 {
			elements := int64(1)
			for i, d := range info.Shape {
				elements += int64(d-1) * int64(info.Strides[i])
			}
			s.begin, s.end = info.Offset, info.Offset+elements*int64(info.DType.Size())
		}
		storages[info.Storage] = append(storages[info.Storage], s)
		loose[key] = !tied || !ordered(info)
	}
	of := map[int]string{} // what is a copy of what, by the index of its key
	for _, spans := range storages {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.begin, b.begin), a.index-b.index) })
		longest := spans[0]
		for _, s := range spans[1:] {
			first, second := longest, s
			if first.index > second.index {
				first, second = second, first
			}
			if s.begin < longest.end && (loose[first.key] || loose[second.key]) {
				of[second.index] = printable(second.key) + " (of " + printable(first.key) + ")"
			}
			if s.end > longest.end {
				longest = s
			}
		}
	}
	var all []string
	for _, n := range slices.Sorted(maps.Keys(of)) {
		all = append(all, of[n])
	}
	return all
}

// ordered reports whether the elements of a tensor follow each other in C order.
func ordered(info loaders.Info) bool {
	step := 1
	for i, d := range slices.Backward(info.Shape) {
		if d != 1 && info.Strides[i] != step {
			return false
		}
		step *= d
	}
	return true
}
