package graph

import (
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

func (n *network) pick(x op.Value, index int) op.Value {
	return n.Trace.Add("select", &op.Select{Index: index}, 1, x)
}

func (n *network) layerNorm(path string, c int, x op.Value) op.Value {
	return n.Trace.Add(path, &op.LayerNorm{Weight: normal(n.r, c), Bias: normal(n.r, c), Eps: 1e-6}, 1, x)
}

// TestNarrow: selections go up as far as one pixel is all that is read.
func TestNarrow(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(n *network, x op.Value) []op.Value
		want  string // the nodes that are left
	}{
		{"a norm", func(n *network, x op.Value) []op.Value { return []op.Value{n.pick(n.layerNorm("ln", 3, x), 2)} },
			"%3 = select(%0) ln/select|%1 = layer_norm(%3) ln"},
		{"the last block of a transformer", func(n *network, x op.Value) []op.Value {
			y := n.Trace.Add("attention", &op.Attention{Heads: 1}, 1, n.conv("in_proj", 3, 9, 1, 1, n.layerNorm("ln_1", 3, x)))
			x = n.add(n.conv("out_proj", 3, 3, 1, 1, y), x)
			x = n.add(n.conv("mlp.3", 8, 3, 1, 1, n.relu(n.conv("mlp.0", 3, 8, 1, 1, n.layerNorm("ln_2", 3, x)))), x)
			return []op.Value{n.pick(n.layerNorm("ln", 3, x), 0)}
		}, "%1 = layer_norm(%0) ln_1|%2 = conv2d(%1) in_proj|%3 = scaled_dot_product_attention(%2) attention|" +
			"%13 = select(%3) out_proj/select|%14 = select(%0) out_proj/select|%5 = conv2d(%13, %14) out_proj +residual|" +
			"%6 = layer_norm(%5) ln_2|%8 = conv2d(%6) mlp.0 +relu|%10 = conv2d(%8, %5) mlp.3 +residual|%11 = layer_norm(%10) ln"},
		{"all pixels are read, too", func(n *network, x op.Value) []op.Value {
			y := n.layerNorm("ln", 3, x)
			return []op.Value{n.pick(y, 0), y}
		}, "%1 = layer_norm(%0) ln|%2 = select(%1) select"},
		{"two pixels", func(n *network, x op.Value) []op.Value {
			y := n.relu(n.layerNorm("ln", 3, x))
			return []op.Value{n.pick(y, 0), n.pick(y, 1)}
		}, "%1 = layer_norm(%0) ln|%2 = relu(%1) relu|%3 = select(%2) select|%4 = select(%2) select"},
		{"the same pixel twice", func(n *network, x op.Value) []op.Value {
			y := n.layerNorm("ln", 3, x)
			return []op.Value{n.pick(y, 1), n.pick(y, 1)}
		}, "%4 = select(%0) ln/select|%1 = layer_norm(%4) ln"},
		{"two pixels of one value by two ways", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.pick(n.layerNorm("a", 3, x), 0), n.pick(n.layerNorm("b", 3, x), 1)}
		}, "%5 = select(%0) a/select|%1 = layer_norm(%5) a|%6 = select(%0) b/select|%3 = layer_norm(%6) b"},
		{"neighbours are read", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.pick(n.conv("conv", 3, 3, 3, 1, x), 5)}
		}, "%1 = conv2d(%0) conv|%2 = select(%1) select"},
		{"a stride", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.pick(n.conv("conv", 3, 3, 1, 2, x), 1)}
		}, "%1 = conv2d(%0) conv|%2 = select(%1) select"},
		{"a residual that is scaled up", func(n *network, x op.Value) []op.Value {
			top := n.conv("top", 3, 3, 3, 2, x)
			return []op.Value{n.pick(n.add(n.conv("lateral", 3, 3, 1, 1, x), n.upsample(top, x)), 0)}
		}, "%1 = conv2d(%0) top|%4 = conv2d(%0, %1) lateral +upsampled|%5 = select(%4) select"},
		{"a shape is read", func(n *network, x op.Value) []op.Value {
			y := n.relu(x)
			return []op.Value{n.pick(y, 0), n.upsample(n.conv("top", 3, 3, 3, 2, x), y)}
		}, "%1 = relu(%0) relu|%2 = select(%1) select|%3 = conv2d(%0) top|%4 = interpolate(%3, %1) upsample"},
		{"a pixel of a pixel", func(n *network, x op.Value) []op.Value {
			return []op.Value{n.pick(n.relu(n.pick(n.relu(x), 3)), 0)}
		}, "%5 = select(%0) relu/select|%1 = relu(%5) relu|%6 = select(%1) relu/select|%3 = relu(%6) relu"},
		{"an input", func(n *network, x op.Value) []op.Value { return []op.Value{n.pick(x, 1)} }, "%1 = select(%0) select"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(1)
			x := n.Input(tensor.Float32)
			g, before := n.fused(t, c.build(n, x)...)
			narrow := Narrow(g)
			if err := narrow.Validate(); err != nil {
				t.Fatalf("not valid: %v\n%s", err, dump(t, narrow))
			}
			if after := dump(t, g); after != before {
				t.Fatalf("narrowing changed the graph from\n%sto\n%s", before, after)
			}
			lines := strings.Split(strings.TrimSpace(dump(t, narrow)), "\n")
			if got := strings.Join(lines[1:len(lines)-1], "|"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", strings.ReplaceAll(got, "|", "\n"), strings.ReplaceAll(c.want, "|", "\n"))
			}
			in := normal(n.r, 2, 3, 4, 6)
			got, want := run(t, narrow, in), run(t, &n.Graph, in)
			for i := range want {
				if d := distance(t, got[i], want[i]); d > 1e-5 {
					t.Errorf("output %d differs by %v", i, d)
				}
			}
		})
	}
}

// TestNarrowKeepsErrors: a pixel that there is not is still one.
func TestNarrowKeepsErrors(t *testing.T) {
	for name, build := range map[string]func(n *network, x op.Value) op.Value{
		"beyond the image": func(n *network, x op.Value) op.Value { return n.pick(n.relu(x), 24) },
		"beyond a pixel":   func(n *network, x op.Value) op.Value { return n.pick(n.pick(n.relu(x), 3), 1) },
		"through another":  func(n *network, x op.Value) op.Value { return n.pick(n.relu(n.pick(n.relu(x), 3)), 1) },
		"negative":         func(n *network, x op.Value) op.Value { return n.pick(n.relu(x), -1) },
	} {
		n := newNetwork(2)
		g, _ := n.fused(t, build(n, n.Input(tensor.Float32)))
		if _, err := Narrow(g).Infer(tensor.Shape{2, 3, 4, 6}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestNarrowIsTheSame: random networks, some of whose values are read at a pixel.
func TestNarrowIsTheSame(t *testing.T) {
	moved := 0
	for seed := range uint64(300) {
		n := random(seed)
		values := n.Graph.Values
		for range 1 + n.r.IntN(3) {
			v := op.Value(n.r.IntN(values))
			x := n.layerNorm("ln", 3, v)
			if n.r.IntN(2) == 0 {
				x = n.add(n.conv("pointwise", 3, 3, 1, 1, x), x)
			}
			n.Graph.Outputs = append(n.Graph.Outputs, n.pick(x, n.r.IntN(4)))
		}
		if n.r.IntN(2) == 0 {
			n.Graph.Outputs = n.Graph.Outputs[len(n.Graph.Outputs)-1:]
		}
		g, _ := n.fused(t, n.Graph.Outputs...)
		narrow := Narrow(g)
		if err := narrow.Validate(); err != nil {
			t.Fatal(err)
		}
		moved += strings.Count(dump(t, narrow), "/select")
		x := normal(n.r, 1+n.r.IntN(2), 3, 8, 7)
		got, want := run(t, narrow, x), run(t, &n.Graph, x)
		for i := range want {
			if d := distance(t, got[i], want[i]); d > 1e-5 {
				t.Fatalf("seed %d: output %d differs by %v\n%s\n%s", seed, i, d, dump(t, &n.Graph), dump(t, narrow))
			}
		}
	}
	if moved < 100 {
		t.Errorf("%d selections were moved only", moved)
	}
}
