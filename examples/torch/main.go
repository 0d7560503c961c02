package main

import (
	"context"
	"flag"
	"fmt"
	"log"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
)

// The types of what goes in, of what the network takes and returns, and of what comes out.
type (
	before = beamio.Preprocess[string, beamio.Tensor, []beamio.Tensor]
	after  = beamio.Postprocess[string, []beamio.Tensor, Digit]
)

func init() {
	beamio.Register(&beamio.Torch{})
	beamio.Register(&before{})
	beamio.Register(&after{})
	beamio.RegisterNetwork(&Display{})
	beamio.RegisterStep(&Parse{})
	beamio.RegisterStep(&Read{})
}

func main() {
	input := flag.String("input", "examples/torch/readings.csv", "files with lines of seven brightnesses")
	model := flag.String("model", "examples/torch/segments.pth", "state_dict of the network")
	hidden := flag.Int("hidden", 24, "numbers between its layers")
	output := flag.String("output", "digits.jsonl", "file for the digits")
	failures := flag.String("failures", "failures.jsonl", "file for the lines that are no readings")
	flag.Parse()
	beam.Init() // a worker never returns from here

	p, s := beam.NewPipelineWithRoot()
	network := &beamio.Torch{Model: *model, Network: &Display{Hidden: *hidden}}
	handler := &after{Fn: &Read{}, Handler: &before{Fn: &Parse{}, Handler: network}}
	digits, failed := beamio.RunInferenceDLQ(s, handler, textio.Read(s, *input))
	beamio.WriteJSONL(s, *output, digits)
	beamio.WriteJSONL(s, *failures, failed)
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal("torch: ", err)
	}
	fmt.Println("wrote", *output, "and", *failures)
}
