package beamio_test

import (
	"fmt"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Linear{})
	beamio.Register(&beamio.Classifier{})
	register.Function1x0(printNumbers)
	register.Function1x0(printClasses)
	register.Function1x0(printPlaces)
	register.Function1x0(printPicture)
}

func printNumbers(r beamio.PredictionResult[[]float32, []float32]) {
	fmt.Printf("%v: %.0f\n", r.Example, r.Inference)
}

func printClasses(r beamio.PredictionResult[beamio.Picture, beamio.Classes]) {
	fmt.Println(filepath.Base(r.Example.Name), r.Inference.Names)
}

func printPlaces(r beamio.PredictionResult[beamio.Picture, beamio.Detections]) {
	d := r.Inference
	fmt.Printf("%d objects and %d masks in %d×%d pixels\n", d.Len(), len(d.Masks), d.Width, d.Height)
	for i := range d.Len() {
		fmt.Printf("%s %.1f at %.0f\n", d.Names[i], d.Scores[i], d.Box(i))
	}
}

func printPicture(p beamio.Picture) { fmt.Println(filepath.Base(p.Name)) }

// The five times table that PyTorch has learnt.
func ExampleLinear() {
	p, s, numbers := ptest.CreateList([][]float32{{20}, {-3}})
	h := &beamio.Linear{Model: "../examples/fivetimes/fivetimes.pth", Layer: "linear"}
	beam.ParDo0(s, printNumbers, beamio.RunInference(s, h, numbers))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// [20]: [100]
	// [-3]: [-15]
}

// The two most probable of five classes, by a small ResNet-18 that has learnt nothing.
func ExampleClassifier() {
	p, s := beam.NewPipelineWithRoot()
	h := &beamio.Classifier{Model: "testdata/torch/resnet18.pth", Top: 2}
	pictures := beamio.MatchImages(s, "../testdata/shapes/s192.png")
	beam.ParDo0(s, printClasses, beamio.RunInference(s, h, pictures))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output:
	// s192.png [class 3 class 0]
}

// Boxes and masks by a small Mask R-CNN that knows geometric shapes.
func ExampleDetector() {
	p, s := beam.NewPipelineWithRoot()
	h := &beamio.Detector{
		Model: "../testdata/shapes/model.pth", Labels: "testdata/examples/shapes.txt",
		MinSize: 192, MaxSize: 270, Score: 0.9,
	}
	pictures := beamio.MatchImages(s, "../testdata/shapes/s192.png")
	beam.ParDo0(s, printPlaces, beamio.RunInference(s, h, pictures))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 6 objects and 6 masks in 192×243 pixels
	// circle 1.0 at [38 62 146 171]
	// star 1.0 at [17 172 38 195]
	// circle 1.0 at [76 0 176 90]
	// circle 1.0 at [123 202 146 225]
	// triangle 1.0 at [65 190 119 240]
	// triangle 1.0 at [113 144 146 180]
}

// All files that match a pattern, on any filesystem of Beam's.
func ExampleMatchImages() {
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo0(s, printPicture, beamio.MatchImages(s, "../testdata/shapes/*.png"))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// default800.png
	// s192.png
	// s256up.png
}

// The lines of a file, which is quicker for very many pictures.
func ExampleListImages() {
	p, s := beam.NewPipelineWithRoot()
	beam.ParDo0(s, printPicture, beamio.ListImages(s, "testdata/examples/pictures.txt"))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// s192.png
	// absent.png
}
