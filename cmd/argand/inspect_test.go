package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
)

// safetensorsFile returns a file of tensors: name, type and shape of each are in header, and size bytes follow.
func safetensorsFile(header string, size int) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), make([]byte, size)...)
}

func TestInspectTable(t *testing.T) {
	header := `{"model.fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},` +
		`"model.steps":{"dtype":"I64","shape":[],"data_offsets":[24,32]},` +
		`"odd\u001bname":{"dtype":"F16","shape":[0],"data_offsets":[32,32]}}`
	path := writeTemp(t, t.TempDir(), "x.safetensors", safetensorsFile(header, 32))
	status, stdout, stderr := command(t, "inspect", path)
	want := `KEY              DTYPE    SHAPE   BYTES
model.fc.weight  float32  (2, 3)  24
model.steps      int64    ()      8
"odd\x1bname"    float16  (0)     0

3 tensors, 7 elements, 32 bytes; safetensors
architecture: not recognised
`
	if status != 0 || stdout != want {
		t.Errorf("status %d, stderr %q, got\n%s\nwant\n%s", status, stderr, stdout, want)
	}
	status, stdout, _ = command(t, "inspect", "--json", path)
	wantJSON := `{"tensors":[{"key":"model.fc.weight","dtype":"float32","shape":[2,3],"bytes":24},` +
		`{"key":"model.steps","dtype":"int64","shape":[],"bytes":8},` +
		`{"key":"odd\u001bname","dtype":"float16","shape":[0],"bytes":0}],"architecture":""}` + "\n"
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
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&got); err != nil {
		t.Fatal(err)
	}
	if got.Architecture != "maskrcnn_resnet50_fpn" {
		t.Errorf("architecture %q", got.Architecture)
	}
	i := slices.IndexFunc(got.Tensors, func(x tensorReport) bool { return x.Key == "backbone.body.conv1.weight" })
	if i < 0 || fmt.Sprint(got.Tensors[i]) != "{backbone.body.conv1.weight float16 [16 3 7 7] 4704}" {
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
