package picture

import "testing"

func TestBoxes(t *testing.T) {
	box := [4]float32{10.5, 20.25, 110.5, 60.75}
	if got, want := ToXYWH(box), [4]float32{10.5, 20.25, 100, 40.5}; got != want {
		t.Errorf("xywh %v, want %v", got, want)
	}
	if got, want := ToCXCYWH(box), [4]float32{60.5, 40.5, 100, 40.5}; got != want {
		t.Errorf("cxcywh %v, want %v", got, want)
	}
	v := noise(4000, 8)
	for i := range 1000 {
		b := [4]float32{v[4*i] * 900, v[4*i+1] * 900, v[4*i+2] * 900, v[4*i+3] * 900}
		for name, back := range map[string][4]float32{"xywh": FromXYWH(ToXYWH(b)), "cxcywh": FromCXCYWH(ToCXCYWH(b))} {
			for k := range b {
				if d := back[k] - b[k]; d > 2e-4 || d < -2e-4 {
					t.Errorf("%s: %v came back as %v", name, b, back)
				}
			}
		}
	}
}
