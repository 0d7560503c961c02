package picture_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"

	"github.com/argand-go/argand/nn/picture"
)

// A mask becomes pixels only when it is asked for them.
func ExampleMask() {
	m := &picture.Mask{
		Probs: []float32{
			0.9, 0.9,
			0.9, 0.1,
		},
		Size: 2, Box: [4]float32{2, 1, 6, 5}, W: 8, H: 6,
	}
	b := m.Binary(0.5)
	for y := range b.H {
		for x := range b.W {
			if b.At(x, y) {
				fmt.Print("#")
			} else {
				fmt.Print(".")
			}
		}
		fmt.Println()
	}
	code, _ := json.Marshal(m.RLE(0.5))
	fmt.Println(m.Area(0.5), string(code))
	// Output:
	// ........
	// ...###..
	// ..#####.
	// ..####..
	// ..###...
	// ...#....
	// 16 {"size":[6,8],"counts":"\u003e322OO1O2N5"}
}

// Overlay shows what a detector found.
func ExampleOverlay() {
	img := picture.NewRGB(320, 240)
	shown := picture.Overlay(img, []picture.Instance{
		{Box: [4]float32{40, 60, 200, 220}, Name: "cat", Score: 0.98},
	})
	fmt.Println(shown.Bounds(), shown.RGBAAt(40, 100) == shown.RGBAAt(199, 100))
	// Output: (0,0)-(320,240) true
}

// Any image.Image of Go becomes what ToTensor sees, and is resized as Pillow would.
func ExampleRGB_Resize() {
	gray := image.NewGray(image.Rect(0, 0, 4, 1))
	copy(gray.Pix, []uint8{0, 100, 200, 40})
	fmt.Println(picture.FromImage(gray).Resize(2, 1, picture.Bilinear).Pix)
	// Output: [71 71 71 117 117 117]
}

// OverlayMap shows a segmentation, with a legend.
func ExampleOverlayMap() {
	photo := picture.NewRGB(320, 240)
	m := &picture.LabelMap{Pix: make([]uint8, 320*240), W: 320, H: 240}
	copy(m.Pix[320*200:], bytes.Repeat([]byte{1}, 320*40))
	shown := picture.OverlayMap(photo, m, []string{"background", "road"})
	fmt.Println(shown.Bounds(), shown.RGBAAt(300, 230))
	// Output: (0,0)-(320,240) {64 0 0 255}
}

// A mask becomes polygons, exact or simpler ones.
func ExampleBitmap_Polygons() {
	m := &picture.Mask{Probs: []float32{1}, Size: 1, Box: [4]float32{2, 1, 6, 4}, W: 9, H: 6}
	b := m.Binary(0.5)
	text, _ := json.Marshal(b.Polygons(0).GeoJSON().Coordinates)
	fmt.Println(string(text))
	fmt.Println(b.Polygons(1).COCO())
	// Output:
	// [[[[5,1],[5,2],[6,2],[6,4],[5,4],[5,5],[4,5],[4,4],[3,4],[3,2],[4,2],[4,1],[5,1]]]]
	// [[5 1.5 6 3 4.5 5 3 3 4.5 1]]
}
