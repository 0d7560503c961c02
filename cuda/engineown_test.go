//go:build linux && cgo && !nocuda

package cuda

import (
	"fmt"
	"io/fs"
	"regexp"
	"testing"

	"github.com/argand-go/argand/cuda/kernel"
	"github.com/argand-go/argand/nn/op"
)

// layer is a convolution of one picture, or a fully connected layer of rows.
func layer(p op.Precision, size, c, o, kernel, rows int) product {
	e := elementOf(p)
	return product{precision: p, in: e, out: e, pictures: 1, n: rows, height: size, width: size, c: round(c, e.lanes()), o: o,
		stride: round(o, e.lanes()), columns: round(o, 128), yh: size, yw: size,
		at: window{kernel: pair{kernel, kernel}, stride: pair{1, 1}, dilation: pair{1, 1}, padding: pair{kernel / 2, kernel / 2},
			size: pair{size, size}, step: pair{1, 1}}}
}

// TestTilesAreKernels wants every tile to be a kernel, with the parameters that it is launched with.
func TestTilesAreKernels(t *testing.T) {
	m, err := kernel.ReadManifest()
	if err != nil {
		t.Fatal(err)
	}
	parameters := make(map[string]int)
	for _, u := range m.Units {
		for name, list := range u.Parameters {
			parameters[name] = len(list)
		}
	}
	for i := range tiles {
		v := variant{&tiles[i], 2, depthStep}
		q := layer(v.precision, 7, 64, 64, 1, 1)
		scratch := &value{}
		steps := v.steps(&Backend{}, &q, &operands{x: scratch, w: scratch, bias: scratch, residual: scratch, y: scratch,
			narrow: scratch, scratch: scratch})
		for j, name := range []string{v.name, "conv2d_finish_" + q.out.suffix()} {
			n := 0
			for _, o := range steps[j].arguments {
				n += len(o.appendTo(nil, nil))
			}
			if want, ok := parameters[name]; !ok || n != want {
				t.Errorf("%s is launched with %d arguments; it has %d", name, n, want)
			}
		}
	}
}

// TestTilesAreAsTheySay wants the threads of a block, and the blocks of a multiprocessor, to be those that the kernel is
// compiled for.
func TestTilesAreAsTheySay(t *testing.T) {
	bounds := make(map[string]string)
	for _, source := range []string{"conv2d.cu", "conv2d_tensor.cu"} {
		text, err := fs.ReadFile(kernel.Sources, source)
		if err != nil {
			t.Fatal(err)
		}
		threads := regexp.MustCompile(`THREADS = (\d+)`).FindSubmatch(text)
		for _, m := range regexp.MustCompile(`__launch_bounds__\((\w+), (\d+)\) (\w+)\(`).FindAllSubmatch(text, -1) {
			n := string(m[1])
			if n == "THREADS" && threads != nil {
				n = string(threads[1])
			}
			bounds[string(m[3])] = n + ", " + string(m[2])
		}
	}
	for _, tile := range tiles {
		if got := fmt.Sprintf("%d, %d", tile.threads, tile.resident); got != bounds[tile.name] {
			t.Errorf("%s has %s threads and blocks; it is compiled for %s", tile.name, got, bounds[tile.name])
		}
	}
}

// TestVariants looks at what is chosen for layers that are hard to share among the multiprocessors of an H100 and of a T4.
func TestVariants(t *testing.T) {
	for _, m := range []machine{{[2]int{9, 0}, 132}, {[2]int{8, 0}, 108}, {[2]int{7, 5}, 40}, {[2]int{9, 0}, 1}} {
		for _, p := range []op.Precision{op.Float32, op.TensorFloat32, op.BFloat16, op.Float16} {
			for name, q := range map[string]product{
				"ResNet's last 3×3": layer(p, 7, 512, 512, 3, 1),
				"ResNet's last 1×1": layer(p, 7, 512, 2048, 1, 1),
				"its classes":       layer(p, 1, 2048, 1000, 1, 1),
				"a detector's fc6":  layer(p, 1, 12544, 1024, 1, 1000),
				"its P2":            layer(p, 200, 256, 256, 3, 1),
				"a stem":            layer(p, 112, 3, 64, 7, 1),
				"one of everything": layer(p, 1, 1, 1, 1, 1),
			} {
				list := m.variants(q)
				if len(list) < 2 {
					t.Fatalf("%v: %d variants", p, len(list))
				}
				for _, v := range list {
					if v.precision != p || v.splits < 1 || v.splits > mostSplits || v.depth%depthStep != 0 ||
						(v.splits-1)*v.depth >= q.depth() || v.splits*v.depth < q.depth() {
						t.Errorf("%s, %v: %s has %d of %d", name, p, v.label(), v.depth, q.depth())
					}
					if m.cycles(v, &q) < m.cycles(list[0], &q) {
						t.Errorf("%s, %v: %s is not the best", name, p, list[0].label())
					}
				}
				if m.multiprocessors == 1 && list[0].splits > 1 {
					t.Errorf("%s, %v: %s, for one multiprocessor", name, p, list[0].label())
				}
				v := list[0]
				blocks := ceil(q.rows(), v.pixels) * ceil(q.stride, v.columns) * v.splits
				t.Logf("%v, %s, %v: %s, %d blocks", m.capability, name, p, v.label(), blocks)
				if m.multiprocessors > 100 && name == "ResNet's last 3×3" && blocks < m.multiprocessors*3/4 {
					t.Errorf("%s, %v: %s has %d blocks for %d multiprocessors", name, p, v.label(), blocks, m.multiprocessors)
				}
			}
		}
	}
}

// TestUnit wants the same choice in any batch.
func TestUnit(t *testing.T) {
	one, many := layer(op.Float32, 7, 512, 512, 3, 1), layer(op.Float32, 7, 512, 512, 3, 64)
	many.pictures = 64
	if one != many.unit() {
		t.Errorf("%v is not %v", many.unit(), one)
	}
}
