package tensor

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestShapeString(t *testing.T) {
	for want, s := range map[string]Shape{"()": {}, "(4,)": {4}, "(1, 3, 224, 224)": {1, 3, 224, 224}, "(0, 2)": {0, 2}} {
		if got := s.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestShapeLen(t *testing.T) {
	for _, c := range []struct {
		s    Shape
		want int
	}{{nil, 1}, {Shape{}, 1}, {Shape{0}, 0}, {Shape{7}, 7}, {Shape{2, 3, 4}, 24}, {Shape{2, 0, 4}, 0}} {
		if got := c.s.Len(); got != c.want {
			t.Errorf("%v has %d elements, want %d", c.s, got, c.want)
		}
	}
}

func TestShapeValidate(t *testing.T) {
	for _, s := range []Shape{nil, {}, {0}, {1}, {0, 0, 0}, {math.MaxInt / 16}, {1 << 20, 1 << 20}, {0, 1 << 40}} {
		if err := s.Validate(); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
	for _, s := range []Shape{
		{-1}, {2, -3}, {0, -1}, {math.MinInt}, {math.MaxInt}, {math.MaxInt/16 + 1}, {1 << 31, 1 << 31},
		{1 << 32, 1 << 32}, {1 << 21, 1 << 21, 1 << 22}, {0, math.MaxInt, math.MaxInt}, {math.MaxInt, 0, 2},
		{3, math.MaxInt / 3}, {math.MaxInt, math.MaxInt},
	} {
		err := s.Validate()
		e, ok := errors.AsType[*ShapeError](err)
		if !ok || !e.Shape.Equal(s) || !strings.Contains(err.Error(), s.String()) {
			t.Errorf("%v: want a ShapeError that names it, got %v", s, err)
		}
		if _, err := New(Uint8, s...); err == nil {
			t.Errorf("a tensor of %v was made", s)
		}
	}
}

func TestShapeCloneIsACopy(t *testing.T) {
	s := Shape{1, 2}
	c := s.Clone()
	c[0] = 9
	if !s.Equal(Shape{1, 2}) || s.Equal(c) || s.Equal(Shape{1, 2, 1}) {
		t.Errorf("got %v and %v", s, c)
	}
}

// FuzzShape: a shape that is valid has a length that can be multiplied by 16,
// and one that is not valid makes no tensor.
func FuzzShape(f *testing.F) {
	f.Add(1, 3, 224, 224)
	f.Add(0, -1, 5, 5)
	f.Add(math.MaxInt, 2, 0, 1)
	f.Add(1<<31, 1<<31, 1<<31, 1<<31)
	f.Fuzz(func(t *testing.T, a, b, c, d int) {
		s := Shape{a, b, c, d}
		if err := s.Validate(); err != nil {
			if _, err := FromBytes(Uint8, s, nil, nil); err == nil {
				t.Errorf("%v is not valid and made a tensor", s)
			}
			return
		}
		n := s.Len()
		if n < 0 || n > math.MaxInt/16 {
			t.Errorf("%v has %d elements", s, n)
		}
		for _, extent := range s {
			if extent > 0 && n%extent != 0 {
				t.Errorf("%v has %d elements, no multiple of %d", s, n, extent)
			}
		}
	})
}
