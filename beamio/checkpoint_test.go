package beamio

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// checkpointFile collects tensors for a safetensors file.
type checkpointFile struct {
	header map[string]any
	data   []byte
}

func (c *checkpointFile) add(key string, values []float32, shape ...int) {
	begin := len(c.data)
	for _, v := range values {
		c.data = binary.LittleEndian.AppendUint32(c.data, math.Float32bits(v))
	}
	if c.header == nil {
		c.header = make(map[string]any)
	}
	c.header[key] = map[string]any{"dtype": "F32", "shape": shape, "data_offsets": []int{begin, len(c.data)}}
}

func (c *checkpointFile) bytes(t testing.TB) []byte {
	t.Helper()
	header, err := json.Marshal(c.header)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), c.data...)
}

// write writes the file into a new directory and returns its path.
func (c *checkpointFile) write(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := os.WriteFile(path, c.bytes(t), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// table is a Linear of one input that multiplies by factor and adds offset.
func table(factor, offset float32) *checkpointFile {
	var c checkpointFile
	c.add("weight", []float32{factor}, 1, 1)
	c.add("bias", []float32{offset}, 1)
	return &c
}

// narrowResNet18 is a ResNet-18 of random weights that starts at 4 channels.
func narrowResNet18(classes int) *checkpointFile {
	var c checkpointFile
	r := rand.New(rand.NewPCG(18, 4))
	random := func(key string, scale float64, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * scale)
		}
		c.add(key, v, shape...)
	}
	constant := func(key string, v float32, n int) {
		values := make([]float32, n)
		for i := range values {
			values[i] = v
		}
		c.add(key, values, n)
	}
	conv := func(key, bn string, out, in, k int) {
		random(key+".weight", math.Sqrt(2/float64(in*k*k)), out, in, k, k)
		constant(bn+".weight", 1, out)
		constant(bn+".bias", 0, out)
		constant(bn+".running_mean", 0, out)
		constant(bn+".running_var", 1, out)
	}
	conv("conv1", "bn1", 4, 3, 7)
	in := 4
	for layer := range 4 {
		out := 4 << layer
		for block := range 2 {
			p := fmt.Sprintf("layer%d.%d.", layer+1, block)
			conv(p+"conv1", p+"bn1", out, in, 3)
			conv(p+"conv2", p+"bn2", out, out, 3)
			if in != out {
				conv(p+"downsample.0", p+"downsample.1", out, in, 1)
			}
			in = out
		}
	}
	random("fc.weight", 1, classes, in)
	random("fc.bias", 1, classes)
	return &c
}
