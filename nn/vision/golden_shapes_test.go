package vision

import (
	"bytes"
	"fmt"
	"image"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
)

type shapesCase struct {
	Name     string
	MinSize  int `json:"min_size"`
	MaxSize  int `json:"max_size"`
	Boxes    [][4]float32
	Labels   []int
	Scores   []float32
	MaskArea []int `json:"mask_area"`
}

// picture returns the case's picture, which is embedded in the program or in testdata.
func (c shapesCase) picture(t testing.TB) image.Image {
	t.Helper()
	data, err := fs.ReadFile(shapes.Pictures(), c.Name+".png")
	if err != nil {
		data = readFile(t, "shapes", c.Name+".png")
	}
	return decodePNG(t, data)
}

func readShapes(t testing.TB, name string) []shapesCase {
	t.Helper()
	var golden struct{ Cases []shapesCase }
	readJSON(t, &golden, "shapes", name)
	if len(golden.Cases) != 6 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	return golden.Cases
}

func (c shapesCase) detector(t testing.TB, src nn.Source, opts ...Option) *Detector {
	t.Helper()
	opts = append(opts, WithMinSize(c.MinSize), WithMaxSize(c.MaxSize), WithLabels(shapes.Labels()))
	d, err := NewDetector(bg, kernels.CPU(), src, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestShapes compares what a trained network finds, in single precision, with what torchvision finds.
func TestShapes(t *testing.T) {
	src, err := loaders.Open(filepath.Join(testdata, "shapes", "model.pth"))
	if err != nil {
		t.Fatal(err)
	}
	masks, err := os.ReadFile(filepath.Join(testdata, "shapes", "expected_masks.npz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range readShapes(t, "expected.json") {
		t.Run(c.Name, func(t *testing.T) {
			if underRace && c.MinSize > 256 {
				t.Logf("RACE DETECTOR: CASE %s NOT COMPARED", c.Name)
				return
			}
			found, err := c.detector(t, src).Detect(bg, c.picture(t))
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, found)
			c.compareMasks(t, found, readMasks(t, masks, c.Name))
		})
	}
}

// TestShapesHalf does the same for the half-precision file that the program embeds.
func TestShapesHalf(t *testing.T) {
	src, err := loaders.OpenReaderAt(bytes.NewReader(shapes.Model()), int64(len(shapes.Model())), "model_f16.pth")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range readShapes(t, "expected_f16.json") {
		t.Run(c.Name, func(t *testing.T) {
			if underRace && c.MinSize > 256 {
				t.Logf("RACE DETECTOR: CASE %s NOT COMPARED", c.Name)
				return
			}
			found, err := c.detector(t, src).Detect(bg, c.picture(t))
			if err != nil {
				t.Fatal(err)
			}
			c.compare(t, found)
		})
	}
}

// compare checks labels and their order, scores to 1e-4, boxes to a hundredth of a pixel and the areas of masks.
func (c shapesCase) compare(t *testing.T, found *Detections) {
	t.Helper()
	if fmt.Sprint(found.Labels) != fmt.Sprint(c.Labels) {
		t.Fatalf("got %d objects %v\nwant %d objects %v", found.Len(), found.Labels, len(c.Labels), c.Labels)
	}
	var score, box float64
	for i := range c.Labels {
		score = max(score, math.Abs(float64(found.Scores[i]-c.Scores[i])))
		for k := range 4 {
			box = max(box, math.Abs(float64(found.Boxes[i][k]-c.Boxes[i][k])))
		}
		if area := found.Masks[i].Area(0.5); !near(area, c.MaskArea[i], c.MaskArea[i]) {
			t.Errorf("object %d: mask of %d pixels, want %d", i, area, c.MaskArea[i])
		}
		if found.Names[i] != shapes.Labels()[c.Labels[i]] {
			t.Errorf("object %d is a %q", i, found.Names[i])
		}
	}
	t.Logf("%d objects: scores differ by %.2g, boxes by %.2g pixels", found.Len(), score, box)
	if !(score <= 1e-4) || !(box <= 0.01) {
		t.Errorf("scores differ by %.2g, boxes by %.2g pixels", score, box)
	}
}

// near reports whether pixel counts differ by no more than 2 or a thousandth of the area.
func near(got, want, area int) bool { return math.Abs(float64(got-want)) <= max(2, float64(area)/1000) }

func (c shapesCase) compareMasks(t *testing.T, found *Detections, want [][]byte) {
	t.Helper()
	worst := 0
	for i := range found.Masks {
		n := differing(found, i, want[i])
		worst = max(worst, n)
		if !near(n, 0, c.MaskArea[i]) {
			t.Errorf("object %d: masks differ in %d pixels of %d", i, n, c.MaskArea[i])
		}
	}
	t.Logf("masks differ in at most %d pixels", worst)
}

// differing returns in how many pixels mask i differs from packed bits.
func differing(found *Detections, i int, bits []byte) (n int) {
	for at, p := range found.Masks[i].Paste() {
		if (p >= 0.5) != (bits[at/8]>>(7-at%8)&1 == 1) {
			n++
		}
	}
	return n
}

// TestBatchEqualsAlone checks that neither the other pictures of a batch nor the number of threads change a result.
func TestBatchEqualsAlone(t *testing.T) {
	src, err := loaders.OpenReaderAt(bytes.NewReader(shapes.Model()), int64(len(shapes.Model())), "model_f16.pth")
	if err != nil {
		t.Fatal(err)
	}
	cases := readShapes(t, "expected_f16.json")
	small := cases[0] // of 192 pixels
	d, single := small.detector(t, src), small.detector(t, src, WithThreads(1))
	var imgs []image.Image
	for _, c := range cases[:3] {
		imgs = append(imgs, c.picture(t))
	}
	imgs = append(imgs, imgs[0], image.NewGray(image.Rect(0, 0, 1, 1)), image.NewGray(image.Rect(0, 0, 700, 1)))
	together, err := d.DetectBatch(bg, imgs)
	if err != nil {
		t.Fatal(err)
	}
	for i, img := range imgs {
		alone, err := single.Detect(bg, img)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(alone) != fmt.Sprint(together[i]) {
			t.Errorf("picture %d: alone\n%v\ntogether\n%v", i, alone, together[i])
		}
	}
}
