package main

import (
	"context"
	"errors"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Remote[beamio.Picture, beamio.Classes]{})
	beamio.RegisterCodec(&judge{})
}

// judge is what a picture is to a classifier on a server that decodes pictures itself, as Triton's ensembles do: a
// string of bytes goes in, the name of the most probable class and its probability come out.
type judge struct{}

// Encode returns the compressed picture.
func (*judge) Encode(_ context.Context, p beamio.Picture) ([]beamio.RemoteTensor, error) {
	return []beamio.RemoteTensor{{Name: "picture", Bytes: [][]byte{p.Data}}}, nil
}

// Decode returns the one class.
func (*judge) Decode(_ context.Context, outputs []beamio.RemoteTensor) (beamio.Classes, error) {
	name, score := outputs[0], outputs[1]
	if len(name.Bytes) != 1 || score.Value == nil || score.Value.Len() != 1 {
		return beamio.Classes{}, errors.New("not a name and a probability")
	}
	f, err := score.Value.Float32s()
	return beamio.Classes{Names: []string{string(name.Bytes[0])}, Scores: f}, err
}

// secondJudge asks the second classifier: on this machine, or the model "judge_b" on a server of the Open Inference
// Protocol.
func secondJudge(s beam.Scope, server, dir string, objects beam.PCollection) beam.PCollection {
	if server == "" {
		b := &beamio.Classifier{Model: dir + "/judge_b.pth", Labels: dir + "/judges.txt"}
		return beamio.RunInference(s, b, objects)
	}
	b := &beamio.Remote[beamio.Picture, beamio.Classes]{
		Endpoint: server, Model: "judge_b", Outputs: []string{"name", "score"}, Codec: &judge{},
	}
	return beamio.RunInference(s, b, objects)
}
