package op

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// least returns the bytes alive at the fullest step: no arena can be smaller.
func least(spans []Span) (bytes int64) {
	for _, s := range spans {
		var alive int64
		for _, o := range spans {
			if o.First <= s.First && s.First <= o.Last {
				alive += o.Bytes
			}
		}
		bytes = max(bytes, alive)
	}
	return bytes
}

func checkPlaced(t *testing.T, spans []Span, offsets []int64, arena int64) {
	t.Helper()
	for i, a := range spans {
		if offsets[i] < 0 || offsets[i]+a.Bytes > arena {
			t.Fatalf("%v at %d is outside the arena of %d", a, offsets[i], arena)
		}
		if offsets[i]%max(a.Align, 1) != 0 {
			t.Fatalf("%v at %d is not aligned", a, offsets[i])
		}
		for j, b := range spans[:i] {
			together := a.First <= b.Last && b.First <= a.Last
			apart := offsets[i]+a.Bytes <= offsets[j] || offsets[j]+b.Bytes <= offsets[i]
			if together && !apart {
				t.Fatalf("%v at %d and %v at %d overlap", a, offsets[i], b, offsets[j])
			}
		}
	}
	if arena < least(spans) {
		t.Fatalf("an arena of %d, but %d are needed at once", arena, least(spans))
	}
}

func TestPlace(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		spans := make([]Span, r.IntN(30))
		var padded int64
		for i := range spans {
			first := r.IntN(20)
			spans[i] = Span{first, first + r.IntN(5), r.Int64N(1000) * r.Int64N(2), int64(1) << r.IntN(8) * r.Int64N(2)}
			padded += spans[i].Bytes + max(spans[i].Align, 1)
		}
		before := slices.Clone(spans)
		offsets, arena := Place(spans)
		if !slices.Equal(before, spans) || len(offsets) != len(spans) {
			t.Fatal("the spans were changed, or not all placed")
		}
		checkPlaced(t, spans, offsets, arena)
		if arena > padded {
			t.Fatalf("an arena of %d for %d bytes with padding", arena, padded)
		}
		again, size := Place(spans)
		if !slices.Equal(again, offsets) || size != arena {
			t.Fatal("the same spans were placed otherwise")
		}
	}
}

// TestPlaceChain: a chain of layers of equal maps needs two of them, whatever
// its length, and a residual block three.
func TestPlaceChain(t *testing.T) {
	for depth := 2; depth < 60; depth++ {
		spans := make([]Span, depth)
		for i := range spans {
			spans[i] = Span{First: i, Last: i + 1, Bytes: 640, Align: 64}
		}
		offsets, arena := Place(spans)
		checkPlaced(t, spans, offsets, arena)
		if arena != 2*640 {
			t.Errorf("%d layers take %d bytes, want 1280", depth, arena)
		}
		spans = append(spans, Span{First: 0, Last: depth, Bytes: 640, Align: 64})
		if _, arena := Place(spans); arena != 3*640 {
			t.Errorf("%d layers and a residual take %d bytes, want 1920", depth, arena)
		}
	}
	if offsets, arena := Place(nil); len(offsets) != 0 || arena != 0 {
		t.Errorf("nothing takes %d bytes", arena)
	}
}

func FuzzPlace(f *testing.F) {
	f.Add([]byte{0, 1, 200, 3, 1, 1, 100, 0, 0, 5, 7, 6})
	f.Fuzz(func(t *testing.T, data []byte) {
		var spans []Span
		for ; len(data) >= 4 && len(spans) < 64; data = data[4:] {
			first := int(data[0])
			spans = append(spans, Span{first, first + int(data[1]%16), int64(data[2]) << (data[3] >> 4), int64(1) << (data[3] & 7)})
		}
		offsets, arena := Place(spans)
		checkPlaced(t, spans, offsets, arena)
	})
}

func ExamplePlace() {
	offsets, arena := Place([]Span{
		{First: 0, Last: 1, Bytes: 100, Align: 64}, // the first layer's output, read by the second
		{First: 1, Last: 2, Bytes: 300, Align: 64},
		{First: 2, Last: 3, Bytes: 80, Align: 64}, // takes the place of the first
	})
	fmt.Println(offsets, arena)
	// Output: [320 0 320] 420
}

func TestProfile(t *testing.T) {
	var p Profile
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 25 {
				p.Add("fc", "linear", "gemm", time.Millisecond)
				p.Add("conv1", "conv2d", "tile", 3*time.Millisecond)
				p.Add("conv2", "conv2d", "tile", 2*time.Millisecond)
			}
		})
	}
	wait.Wait()
	want := []StepTime{
		{"conv1", "conv2d", "tile", 100, 300 * time.Millisecond},
		{"conv2", "conv2d", "tile", 100, 200 * time.Millisecond},
		{"fc", "linear", "gemm", 100, 100 * time.Millisecond},
	}
	if got := p.Steps(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	ops := []StepTime{{Op: "conv2d", Runs: 200, Total: 500 * time.Millisecond}, {Op: "linear", Runs: 100, Total: 100 * time.Millisecond}}
	if got := p.Ops(); !slices.Equal(got, ops) {
		t.Errorf("got %v", got)
	}
	var b strings.Builder
	if err := p.WriteOps(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), " 83.3 %        500ms    200 × conv2d\n 16.7 %        100ms    100 × linear\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	b.Reset()
	if err := new(Profile).WriteOps(&b); err != nil || b.Len() != 0 {
		t.Errorf("an empty profile: %q, %v", b.String(), err)
	}
}
