package beamio_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/tensor"
)

// Number is what an example is to the model on the server: a number for a number.
type Number struct{}

// Encode returns the model's input.
func (Number) Encode(_ context.Context, x float32) ([]beamio.RemoteTensor, error) {
	t, err := tensor.Of([]float32{x}, 1)
	return []beamio.RemoteTensor{{Name: "x", Value: t}}, err
}

// Decode reads its output.
func (Number) Decode(_ context.Context, outputs []beamio.RemoteTensor) (float32, error) {
	y, err := outputs[0].Value.Float32s()
	if err != nil {
		return 0, err
	}
	return y[0], nil
}

func init() {
	beamio.Register(&beamio.Remote[float32, float32]{})
	beamio.RegisterCodec(&Number{})
	register.Function1x0(printAnswer)
}

func printAnswer(r beamio.PredictionResult[float32, float32]) {
	fmt.Println(r.Example, r.Inference, r.ModelID)
}

// hundred stands for a server of the Open Inference Protocol: its one answer is
// that the model "table" says 100.
func hundred(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /v2/models/table/ready":
	case "POST /v2/models/table/infer":
		fmt.Fprint(w, `{"model_name": "table",
			"outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 1], "data": [100]}]}`)
	default:
		http.NotFound(w, r)
	}
}

// A model on a server, such as Triton or KServe: Python's RemoteModelHandler.
func ExampleRemote() {
	server := httptest.NewServer(http.HandlerFunc(hundred))
	defer server.Close()
	p, s, numbers := ptest.CreateList([]float32{20})
	h := &beamio.Remote[float32, float32]{Endpoint: server.URL, Model: "table", Codec: &Number{}}
	beam.ParDo0(s, printAnswer, beamio.RunInference(s, h, numbers, beamio.WithConcurrency(4)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output: 20 100 table
}
