package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"log"
	"path"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Detector{})
	beamio.Register(&beamio.Classifier{})
	register.Function3x1(cut)
	register.Function2x2(answer)
	register.Function4x0(vote)
	register.Emitter1[verdict]()
	register.Emitter2[string, beamio.Picture]()
	register.Iter1[string]()
}

// cut makes a picture of each object, with some space around it, under a key that ends in the detector's opinion.
func cut(
	ctx context.Context, r beamio.PredictionResult[beamio.Picture, beamio.Detections], emit func(string, beamio.Picture),
) error {
	whole, err := r.Example.Decode(ctx)
	if err != nil {
		return err
	}
	for i, name := range r.Inference.Names {
		b := r.Inference.Box(i)
		side := max(int(1.3*max(b[2]-b[0], b[3]-b[1])), 1)
		corner := image.Pt(int(b[0]+b[2])/2-side/2, int(b[1]+b[3])/2-side/2)
		object := image.NewRGBA(image.Rect(0, 0, side, side))
		draw.Draw(object, object.Bounds(), whole, corner, draw.Over)
		var data bytes.Buffer
		if err := png.Encode(&data, object); err != nil {
			return err
		}
		key := fmt.Sprintf("%s/%d/%s", path.Base(r.Example.Name), i, name)
		emit(key, beamio.Picture{Name: key, Data: data.Bytes()})
	}
	return nil
}

// answer keeps the first answer of a classifier, so that no picture crosses to the voting.
func answer(key string, r beamio.PredictionResult[beamio.Picture, beamio.Classes]) (string, string) {
	return key, r.Inference.Names[0]
}

type verdict struct {
	Object, A, B string // Object is a file, a number and the detector's opinion.
	Agreed       bool
}

func vote(key string, a, b func(*string) bool, emit func(verdict)) {
	v := verdict{Object: key}
	v.Agreed = a(&v.A) && b(&v.B) && v.A == v.B && v.A == path.Base(key)
	emit(v)
}

func main() {
	input := flag.String("input", "internal/shapes/*.png", "pictures")
	model := flag.String("model", "internal/shapes/model_f16.pth", "state_dict of the detector")
	dir := flag.String("judges", "examples/ensemble", "directory with the classifiers and the names")
	remote := flag.String("remote", "", "URL of a server with the second classifier; see remote.go")
	output := flag.String("output", "ensemble.jsonl", "file for the results")
	flag.Parse()
	beam.Init() // a worker never returns from here
	p, s := beam.NewPipelineWithRoot()
	detector := &beamio.Detector{Model: *model, Labels: *dir + "/shapes.txt", MinSize: 256, MaxSize: 640, Score: 0.5}
	a := &beamio.Classifier{Model: *dir + "/judge_a.pth", Labels: *dir + "/judges.txt"}
	objects := beam.ParDo(s, cut, beamio.RunInference(s, detector, beamio.MatchImages(s, *input)))
	answersA := beam.ParDo(s, answer, beamio.RunInference(s, a, objects))
	answersB := beam.ParDo(s, answer, secondJudge(s, *remote, *dir, objects))
	beamio.WriteJSONL(s, *output, beam.ParDo(s, vote, beam.CoGroupByKey(s, answersA, answersB)))
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal("ensemble: ", err)
	}
	fmt.Println("wrote", *output)
}
