package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// safetensorsFile returns a file of tensors: name, type and shape of each are in header, and size bytes follow.
func safetensorsFile(header string, size int) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), make([]byte, size)...)
}

func TestInspectTable(t *testing.T) {
	header := `{"__metadata__":{"format":"pt","odd\n":"x"},"model.fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},` +
		`"model.steps":{"dtype":"I64","shape":[],"data_offsets":[24,32]},` +
		`"odd\u001bname":{"dtype":"F16","shape":[0],"data_offsets":[32,32]}}`
	path := writeTemp(t, t.TempDir(), "x.safetensors", safetensorsFile(header, 32))
	status, stdout, stderr := command(t, "inspect", path)
	want := `KEY              DTYPE    SHAPE   STRIDES  BYTES
model.fc.weight  float32  (2, 3)  (3, 1)   24
model.steps      int64    ()      ()       8
"odd\x1bname"    float16  (0,)    (1,)     0

3 tensors, 7 elements, 32 bytes, in 3 storages of 32 bytes; safetensors
metadata: "odd\n"=x, format=pt
architecture: not recognised
`
	if status != 0 || stdout != want {
		t.Errorf("status %d, stderr %q, got\n%s\nwant\n%s", status, stderr, stdout, want)
	}
	status, stdout, _ = command(t, "inspect", "--json", path)
	wantJSON := `{"tensors":[` +
		`{"key":"model.fc.weight","dtype":"float32","shape":[2,3],"strides":[3,1],"bytes":24,"storage":0,"storage_bytes":24},` +
		`{"key":"model.steps","dtype":"int64","shape":[],"strides":[],"bytes":8,"storage":1,"storage_bytes":8},` +
		`{"key":"odd\u001bname","dtype":"float16","shape":[0],"strides":[1],"bytes":0,"storage":2,"storage_bytes":0}],` +
		`"architecture":"","format":"safetensors","globals":[],"refused":[],"inert":false,"ignored":[],` +
		`"metadata":{"format":"pt","odd\n":"x"},"warnings":[]}` + "\n"
	if status != 0 || stdout != wantJSON {
		t.Errorf("status %d, got\n%s\nwant\n%s", status, stdout, wantJSON)
	}
}

func TestInspectMaskRCNN(t *testing.T) {
	path := writeTemp(t, t.TempDir(), "shapes.pth", shapes.Model())
	status, stdout, stderr := command(t, "inspect", "--json", path)
	if status != 0 {
		t.Fatal(stderr)
	}
	var got report
	strict(t, stdout, &got)
	if got.Architecture != "maskrcnn_resnet50_fpn" {
		t.Errorf("architecture %q", got.Architecture)
	}
	i := slices.IndexFunc(got.Tensors, func(x tensorReport) bool { return x.Key == "backbone.body.conv1.weight" })
	if i < 0 || !strings.HasPrefix(fmt.Sprint(got.Tensors[i]), "{backbone.body.conv1.weight float16 [16 3 7 7] [147 49 7 1] 4704 ") {
		t.Errorf("backbone.body.conv1.weight is number %d of %d tensors: %v", i, len(got.Tensors), got.Tensors[max(i, 0)])
	}
	for _, x := range got.Tensors {
		n := int64(1)
		for _, d := range x.Shape {
			n *= int64(d)
		}
		if size := map[string]int64{"float16": 2, "float32": 4, "int64": 8}[x.DType]; x.Bytes != n*size {
			t.Errorf("%s: %d bytes for %s %v", x.Key, x.Bytes, x.DType, x.Shape)
		}
	}
	status, stdout, _ = command(t, "inspect", path)
	if want := "architecture: maskrcnn_resnet50_fpn, 5 classes, width 16\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("status %d, table ends %q, want %q", status, stdout[max(0, len(stdout)-100):], want)
	}
}

// checkpoints is where the files are that loaders is tested with.
const checkpoints = "../../loaders/testdata"

// inspected runs inspect --json and returns what it tells.
func inspected(t *testing.T, args ...string) report {
	t.Helper()
	status, stdout, stderr := command(t, append([]string{"inspect", "--json"}, args...)...)
	if status != 0 || stderr != "" {
		t.Fatalf("inspect %q: status %d, stderr %q", args, status, stderr)
	}
	var r report
	strict(t, stdout, &r)
	return r
}

// TestInspectDigests compares with what torch and safetensors read; see testdata/make_digests.py.
func TestInspectDigests(t *testing.T) {
	text, err := os.ReadFile("testdata/digests.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]tensorReport
	strict(t, string(text), &want)
	tensors := 0
	for file, want := range want {
		got := inspected(t, "--digest", filepath.Join(checkpoints, file)).Tensors
		if file == "plain.safetensors" { // whose library sorts
			slices.SortFunc(got, func(a, b tensorReport) int { return strings.Compare(a.Key, b.Key) })
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d tensors, want %d", file, len(got), len(want))
			continue
		}
		for i, w := range want {
			g := got[i]
			if w.Strides == nil {
				w.Strides = g.Strides
			}
			if g.Key != w.Key || g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) || g.Bytes != w.Bytes ||
				g.Digest != w.Digest || g.Bytes > 0 && !slices.Equal(g.Strides, w.Strides) {
				t.Errorf("%s: %+v, want %+v", file, g, w)
			}
			if w.Bytes > 0 && fmt.Sprint(deref(g.SharesWith)) != fmt.Sprint(deref(w.SharesWith)) {
				t.Errorf("%s: %s shares with %v, want %v", file, g.Key, deref(g.SharesWith), deref(w.SharesWith))
			}
			tensors++
		}
	}
	if len(want) < 15 || tensors < 100 {
		t.Errorf("%d files with %d tensors are too few", len(want), tensors)
	}
}

func deref(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

// TestInspectInert holds what inspect says of files that are refused otherwise against who refuses.
func TestInspectInert(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(checkpoints, "*"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[bool]int{}
	for _, file := range files {
		if _, err := loaders.Open(file, loaders.WithInert()); err != nil {
			continue // no checkpoint
		}
		_, err := loaders.Open(file)
		refused, isRefused := errors.AsType[*loaders.GlobalError](err)
		if err != nil && !isRefused {
			t.Errorf("%s: strict opening fails with %v, inert opening does not", file, err)
		}
		r := inspected(t, file)
		if r.Inert != isRefused || isRefused && !slices.Contains(r.Refused, refused.Module+"."+refused.Global) {
			t.Errorf("%s: inert %t because of %q; strict opening says %v", file, r.Inert, r.Refused, err)
		}
		seen[isRefused]++
	}
	if seen[true] < 5 || seen[false] < 20 {
		t.Errorf("too few files: %v", seen)
	}
	_, stdout, _ := command(t, "inspect", filepath.Join(checkpoints, "evil.pth"))
	for _, want := range []string{"not tensors: evil\n", "\n1 tensor, 1 element, 4 bytes, in 1 storage of 4 bytes;", "because of posix.system\n", "globals: torch._utils._rebuild_tensor_v2, "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("table does not tell %q:\n%s", want, stdout)
		}
	}
}

func TestInspectStats(t *testing.T) {
	r := inspected(t, "--stats", filepath.Join(checkpoints, "types.pth"))
	if len(r.Tensors) != 12 {
		t.Fatalf("%d tensors", len(r.Tensors))
	}
	special := stats{NaN: 1, Inf: 2, Min: "-3.25", Max: "65504"}
	for key, want := range map[string]stats{
		"f32": special, "f64": special,
		"i64":  {Min: "-9223372036854775808", Max: "9223372036854775807", Mean: "0"},
		"i32":  {Min: "-2147483648", Max: "2147483647", Mean: "-0.5"},
		"u8":   {Min: "0", Max: "255", Mean: "127.5"},
		"bool": {Min: "0", Max: "1", Mean: "0.6666666666666666"},
		"i8":   {Min: "-128", Max: "127", Mean: "-0.5"},
		"u16":  {Min: "1", Max: "65535", Mean: "32768"},
		"c64":  {},
	} {
		i := slices.IndexFunc(r.Tensors, func(x tensorReport) bool { return x.Key == key })
		if i < 0 || r.Tensors[i].Stats == nil {
			t.Errorf("%s has no stats", key)
			continue
		}
		got := *r.Tensors[i].Stats
		if want.Mean == "" {
			got.Mean = "" // checked below
		}
		if got != want {
			t.Errorf("%s: %+v, want %+v", key, got, want)
		}
	}
	// (0 - 0 + 1 - 1 + 6e-8 + 6.1e-5 + 65504 + 0.1 - 3.25) / 9
	if mean, err := r.Tensors[1].Stats.Mean.Float64(); err != nil || mean < 7277.8722 || mean > 7277.8723 {
		t.Errorf("mean %v, %v", mean, err)
	}
	want := []string{"f32: 1 NaN, 2 infinite", "f64: 1 NaN, 2 infinite", "f8: the elements of float8_e4m3fn cannot be read"}
	if !slices.Equal(r.Warnings, want) {
		t.Errorf("warnings %q, want %q", r.Warnings, want)
	}
	_, stdout, _ := command(t, "inspect", "--stats", "--digest", filepath.Join(checkpoints, "tied.pth"))
	lines := strings.Split(stdout, "\n")
	head := "KEY DTYPE SHAPE STRIDES BYTES NAN INF MIN MAX MEAN DIGEST STORAGE"
	if got := strings.Join(strings.Fields(lines[0]), " "); got != head {
		t.Errorf("columns %s, want %s", got, head)
	}
	if !strings.HasSuffix(lines[2], "  shares storage with embedding.weight") || !strings.HasSuffix(lines[1], "  own") {
		t.Errorf("table\n%s", stdout)
	}
}

// TestStatsExtremes looks at what sums overflow on, and at tensors without finite elements.
func TestStatsExtremes(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		values []float64
		want   stats
	}{
		{nil, stats{}},
		{[]float64{math.NaN(), inf, -inf}, stats{NaN: 1, Inf: 2}},
		{[]float64{math.MaxFloat64, math.MaxFloat64, inf}, stats{Inf: 1, Min: "1.7976931348623157e+308",
			Max: "1.7976931348623157e+308", Mean: "1.7976931348623157e+308"}},
		{[]float64{-math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64, math.MaxFloat64}, stats{
			Min: "-1.7976931348623157e+308", Max: "1.7976931348623157e+308", Mean: "0"}},
		{[]float64{0.1}, stats{Min: "0.1", Max: "0.1", Mean: "0.1"}},
	} {
		x, err := tensor.Of(c.values, len(c.values))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := statsOf(x); err != nil || *got != c.want {
			t.Errorf("%v: %+v, %v; want %+v", c.values, got, err, c.want)
		}
	}
	for _, d := range tensor.DTypes() {
		x, err := tensor.New(d, 3)
		if err != nil {
			t.Fatal(err)
		}
		s, err := statsOf(x)
		if complex := d == tensor.Complex64 || d == tensor.Complex128; err != nil || (s.Min == "0") == complex {
			t.Errorf("%v: %+v, %v", d, s, err)
		}
	}
	z, err := tensor.Of([]complex64{complex(float32(inf), float32(math.NaN())), complex(0, float32(-inf)), 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := statsOf(z); err != nil || *got != (stats{NaN: 1, Inf: 1}) {
		t.Errorf("complex: %+v, %v", got, err)
	}
}
