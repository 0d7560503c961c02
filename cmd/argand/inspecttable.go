package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/argand-go/argand/tensor"
)

// write prints the report as a table with a few lines below it.
func (r *report) write(w io.Writer) error {
	if err := r.writeTensors(w); err != nil {
		return err
	}
	elements, bytes, storages := 0, int64(0), map[int]int64{}
	for _, x := range r.Tensors {
		elements += x.elements()
		bytes += x.Bytes
		if x.Storage >= 0 {
			storages[x.Storage] = x.StorageBytes
		}
	}
	stored := int64(0)
	for _, n := range storages {
		stored += n
	}
	fmt.Fprintf(w, "\n%s, %s, %d bytes, in %s of %d bytes; %s\n", count(len(r.Tensors), "tensor"),
		count(elements, "element"), bytes, count(len(storages), "storage"), stored, r.Format)
	if len(r.Ignored) > 0 {
		fmt.Fprintf(w, "not tensors: %s\n", first(20, printables(r.Ignored))) // --json has all
	}
	if len(r.Metadata) > 0 {
		var all []string
		for name, value := range r.Metadata {
			all = append(all, printable(name)+"="+printable(value))
		}
		slices.Sort(all)
		fmt.Fprintf(w, "metadata: %s\n", strings.Join(all, ", "))
	}
	if len(r.Globals) > 0 {
		fmt.Fprintf(w, "globals: %s\n", strings.Join(printables(r.Globals), ", "))
	}
	if r.Inert {
		fmt.Fprintf(w, "opened inert, and nothing in it was run: it would be refused otherwise, because of %s\n",
			strings.Join(printables(r.Refused), ", "))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
	_, err := fmt.Fprintf(w, "architecture: %s\n", cmp.Or(r.summary, "not recognised"))
	return err
}

// A column is one column of the table.
type column struct {
	name string
	cell func(x *tensorReport) string
}

// writeTensors prints the table. Columns that no tensor has anything for are left out.
func (r *report) writeTensors(w io.Writer) error {
	columns := []column{
		{"KEY", func(x *tensorReport) string { return printable(x.Key) }},
		{"DTYPE", func(x *tensorReport) string { return printable(x.DType) }},
		{"SHAPE", func(x *tensorReport) string { return tuple(x.Shape) }},
		{"STRIDES", func(x *tensorReport) string { return tuple(x.Strides) }},
		{"BYTES", func(x *tensorReport) string { return strconv.FormatInt(x.Bytes, 10) }},
	}
	if r.any(func(x *tensorReport) bool { return x.Stats != nil }) {
		columns = append(columns, statsColumns()...)
	}
	if r.any(func(x *tensorReport) bool { return x.Digest != "" }) {
		columns = append(columns, column{"DIGEST", func(x *tensorReport) string { return cmp.Or(x.Digest, "-") }})
	}
	if r.any(func(x *tensorReport) bool { return x.Shard != "" }) {
		columns = append(columns, column{"SHARD", func(x *tensorReport) string { return printable(x.Shard) }})
	}
	if r.any(func(x *tensorReport) bool { return x.SharesWith != nil }) {
		columns = append(columns, column{"STORAGE", storageCell})
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	fmt.Fprintln(t, strings.Join(cells, "\t"))
	for n := range r.Tensors {
		for i, c := range columns {
			cells[i] = c.cell(&r.Tensors[n])
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	return t.Flush()
}

func (r *report) any(has func(x *tensorReport) bool) bool {
	for i := range r.Tensors {
		if has(&r.Tensors[i]) {
			return true
		}
	}
	return false
}

// statsColumns are the columns of --stats.
func statsColumns() []column {
	of := func(name string, get func(s *stats) string) column {
		return column{name, func(x *tensorReport) string {
			if x.Stats == nil {
				return "-"
			}
			return cmp.Or(get(x.Stats), "-")
		}}
	}
	return []column{
		of("NAN", func(s *stats) string { return strconv.Itoa(s.NaN) }),
		of("INF", func(s *stats) string { return strconv.Itoa(s.Inf) }),
		of("MIN", func(s *stats) string { return short(s.Min) }),
		of("MAX", func(s *stats) string { return short(s.Max) }),
		of("MEAN", func(s *stats) string { return short(s.Mean) }),
	}
}

// short returns a number for people: whole as it is, others with six digits.
func short(n json.Number) string {
	f, err := n.Float64()
	if _, whole := n.Int64(); whole == nil || err != nil {
		return n.String()
	}
	return strconv.FormatFloat(f, 'g', 6, 64)
}

func storageCell(x *tensorReport) string {
	switch {
	case x.SharesWith != nil:
		return fmt.Sprintf("shares storage with %s", printable(*x.SharesWith))
	case x.Storage < 0:
		return "none"
	}
	return "own"
}

// tuple formats whole numbers as PyTorch's shapes: (2, 3), () for none.
func tuple(n []int) string { return tensor.Shape(n).String() }

// elements returns the number of elements.
func (x *tensorReport) elements() int { return tensor.Shape(x.Shape).Len() }
