package nn

import (
	"slices"
	"strings"
)

// modules are those that were asked for tensors, and those around them, by
// their prefix: "" is the network, "layer1.0." a part of it. The zero modules
// are none.
type modules map[string]*module

// A module has a place among the parts of the module around it, and so on: its
// own place is the last.
type module struct {
	place []int
	parts int
}

// add adds the module of a prefix. Modules are added in the order in which
// PyTorch has them.
func (m *modules) add(prefix string) {
	if (*m)[prefix] != nil {
		return
	}
	if *m == nil {
		*m = modules{"": {}}
	}
	around := (*m)[""]
	for at := 0; at < len(prefix); {
		at += strings.IndexByte(prefix[at:], '.') + 1 // a prefix ends with a dot
		part := (*m)[prefix[:at]]
		if part == nil {
			part = &module{place: append(slices.Clip(around.place), around.parts)}
			around.parts++
			(*m)[prefix[:at]] = part
		}
		around = part
	}
}

// of returns the innermost module that key lies in.
func (m modules) of(key string) *module {
	inner := m[""]
	for at := 0; ; {
		n := strings.IndexByte(key[at:], '.') + 1
		at += n
		part := m[key[:at]]
		if n == 0 || part == nil {
			return inner
		}
		inner = part
	}
}

// sort brings what e lists in the order in which PyTorch finds it: that of the
// modules, the outer ones before their parts. In one module it stays as it is,
// which is the order of reading for what is missing and that of the checkpoint
// for what is unexpected.
func (m modules) sort(e *StateDictError) {
	if m == nil {
		return
	}
	sortBy(m, e.Missing, func(key string) string { return key })
	sortBy(m, e.Unexpected, func(key string) string { return key })
	sortBy(m, e.Mismatch, func(s SizeMismatch) string { return s.Key })
}

func sortBy[T any](m modules, list []T, key func(T) string) {
	type placed struct {
		item  T
		place []int
	}
	sorted := make([]placed, len(list))
	for i, x := range list {
		sorted[i] = placed{x, m.of(key(x)).place}
	}
	slices.SortStableFunc(sorted, func(a, b placed) int { return slices.Compare(a.place, b.place) })
	for i, x := range sorted {
		list[i] = x.item
	}
}
