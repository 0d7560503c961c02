package vision

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

const testdata = "../../testdata"

// memory is a checkpoint made in a test; tensors are made when they are asked for.
type memory struct {
	keys   []string
	shapes map[string]tensor.Shape
	fill   func(key string, dst []float32) // nil leaves zeros
	zeros  []float32
}

func (m *memory) Keys() []string { return m.keys }

func (m *memory) Tensor(key string) (*tensor.Tensor, error) {
	shape, ok := m.shapes[key]
	if !ok {
		return nil, fmt.Errorf("no %q", key)
	}
	if m.fill == nil { // all zeros share memory
		if n := shape.Len(); n > len(m.zeros) {
			m.zeros = make([]float32, n)
		}
		return tensor.Of(m.zeros[:shape.Len()], shape...)
	}
	data := make([]float32, shape.Len())
	m.fill(key, data)
	return tensor.Of(data, shape...)
}

func (m *memory) set(key string, shape ...int) {
	if _, ok := m.shapes[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.shapes[key] = shape
}

func (m *memory) remove(key string) {
	m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
	delete(m.shapes, key)
}

// renamed returns m with pattern replaced in every key.
func (m *memory) renamed(pattern, with string) *memory {
	re := regexp.MustCompile(pattern)
	r := &memory{shapes: map[string]tensor.Shape{}}
	for _, k := range m.keys {
		r.set(re.ReplaceAllString(k, with), m.shapes[k]...)
	}
	return r
}

// readKeys returns a checkpoint of zeros with the keys and shapes of a model.
func readKeys(t testing.TB, model string) *memory {
	t.Helper()
	keys, shapes, err := procedural.ReadKeys(os.DirFS(testdata), model)
	if err != nil {
		t.Fatal(err)
	}
	return &memory{keys: keys, shapes: shapes}
}

// recorder is a backend that computes nothing: a network's outputs are what
// answer makes of them.
type recorder struct {
	graph  *op.Graph
	runs   [][]tensor.Shape // shapes of the inputs of every run
	inputs [][]*tensor.Tensor
	answer func(in, out []*tensor.Tensor)
}

func (r *recorder) Name() string { return "recorder" }

func (r *recorder) Load(ctx context.Context, g *op.Graph, _ op.Options) (op.Model, error) {
	r.graph = g
	return r, ctx.Err()
}

func (r *recorder) Program(in ...tensor.Shape) (op.Program, error) {
	if _, err := r.graph.Infer(in...); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *recorder) Bytes() int64 { return 1 }

func (r *recorder) Close() error { return nil }

func (r *recorder) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	var shapes []tensor.Shape
	for _, t := range in {
		shapes = append(shapes, t.Shape().Clone())
	}
	r.runs, r.inputs = append(r.runs, shapes), append(r.inputs, in)
	if r.answer != nil {
		r.answer(in, out)
	}
	return ctx.Err()
}

// floats returns the elements of a float32 tensor.
func floats(t testing.TB, x *tensor.Tensor) []float32 {
	t.Helper()
	data, err := tensor.Data[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readFile(t testing.TB, name ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{testdata}, name...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readJSON(t testing.TB, to any, name ...string) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, name...), to); err != nil {
		t.Fatal(err)
	}
}

func decodePNG(t testing.TB, data []byte) image.Image {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// readMasks returns an array of a .npz file of uint8, a row of packed bits per object.
func readMasks(t testing.TB, archive []byte, array string) [][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(array + ".npy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	header := 10 + int(data[8]) + int(data[9])<<8
	match := regexp.MustCompile(`'descr': '\|u1', 'fortran_order': False, 'shape': \((\d+), (\d+)\)`).
		FindSubmatch(data[:header])
	if match == nil {
		t.Fatalf("%s: %q", array, data[:header])
	}
	n, _ := strconv.Atoi(string(match[1]))
	width, _ := strconv.Atoi(string(match[2]))
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = data[header+i*width : header+(i+1)*width]
	}
	return rows
}
