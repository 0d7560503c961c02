package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/textio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Linear{})
	register.Function2x1(parse)
	register.Emitter1[[]float32]()
}

// parse makes an example of each number of a line such as "20,30,40".
func parse(line string, emit func([]float32)) error {
	for _, field := range strings.Split(line, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(field), 32)
		if err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		emit([]float32{float32(x)})
	}
	return nil
}

func main() {
	input := flag.String("input", "examples/fivetimes/numbers.csv", "files with lines of numbers")
	model := flag.String("model", "examples/fivetimes/fivetimes.pth", "state_dict of the regression")
	output := flag.String("output", "fivetimes.jsonl", "file for the results")
	flag.Parse()
	beam.Init() // a worker never returns from here

	p, s := beam.NewPipelineWithRoot()
	numbers := beam.ParDo(s, parse, textio.Read(s, *input))
	results := beamio.RunInference(s, &beamio.Linear{Model: *model, Layer: "linear"}, numbers)
	beamio.WriteJSONL(s, *output, results)
	if err := beamx.Run(context.Background(), p); err != nil {
		log.Fatal("fivetimes: ", err)
	}
	fmt.Println("wrote", *output)
}
