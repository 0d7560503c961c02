package beamio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/argand-go/argand/tensor"
)

func init() {
	Register(&Remote[string, string]{})
	RegisterCodec(&numbers{})
	register.Function2x1(renderRemote)
	register.Function2x1(renderRemoteFailure)
}

// numbers is a codec of strings such as "1 2 3".
type numbers struct {
	Secret string // of the header
	Input  string // "x" by default
}

func (c *numbers) Encode(_ context.Context, e string) ([]RemoteTensor, error) {
	var row []float32
	for word := range strings.FieldsSeq(e) {
		f, err := strconv.ParseFloat(word, 32)
		if err != nil {
			return nil, err
		}
		row = append(row, float32(f))
	}
	name := "x"
	if c.Input != "" {
		name = c.Input
	}
	t, err := tensor.Of(row, len(row))
	return []RemoteTensor{{Name: name, Value: t}}, err
}

func (c *numbers) Decode(_ context.Context, outputs []RemoteTensor) (string, error) {
	f, err := outputs[0].Value.Float32s()
	if err != nil {
		return "", err
	}
	if f[0] == 13 {
		return "", errors.New("unlucky")
	}
	return fmt.Sprint(outputs[0].Name, f), nil
}

func (c *numbers) Authorize(_ context.Context, r *http.Request) error {
	if c.Secret == "none" {
		return errors.New("no secret")
	}
	r.Header.Set("Authorization", "Bearer "+c.Secret)
	return nil
}

func renderRemote(_ context.Context, r PredictionResult[string, string]) string {
	return r.Example + " → " + r.Inference + " by " + r.ModelID
}

func renderRemoteFailure(_ context.Context, f Failure[string]) string {
	return f.Example + " failed at " + f.Stage + ": " + f.Error
}

// remoteOf returns a handler for a server.
func remoteOf(server *httptest.Server) *Remote[string, string] {
	return &Remote[string, string]{Endpoint: server.URL, Model: "m", Codec: &numbers{}}
}

func loadRemote(t *testing.T, h *Remote[string, string]) Model[string, string] {
	t.Helper()
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// TestRemotePipeline sends batches in flight together, of which some examples fail, each at its stage.
func TestRemotePipeline(t *testing.T) {
	s := &v2Server{model: sums, version: "3", before: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		time.Sleep(20 * time.Millisecond)
		if n == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		}
		return n == 1
	}}
	server := s.serve(t)
	h := remoteOf(server)
	h.Version, h.Outputs = "3", []string{"y"}
	var in, want []string
	for i := range 40 {
		in = append(in, fmt.Sprintf("%d 0.5", i+20))
		want = append(want, fmt.Sprintf("%d 0.5 → y[%g] by m/3", i+20, float32(i+20)+0.5))
	}
	in = append(in, "6 7", "-1 0", "a b")
	p, root, col := ptest.CreateList(in)
	results, failures := RunInferenceDLQ(root, h, col, WithBatchSize(4, 4), WithConcurrency(4))
	collect(root, "remote", beam.ParDo(root, renderRemote, results))
	collect(root, "remote failures", beam.ParDo(root, renderRemoteFailure, failures))
	counted := make(map[string]int64)
	for _, c := range run(t, p).Counters() {
		counted[c.Name()] += c.Result()
	}
	if ms, s := counted["throttling-msecs"], counted["cumulativeThrottlingSeconds"]; ms < 1000 || s != ms/1000 {
		t.Errorf("throttled for %d ms, %d s", ms, s)
	}
	equal(t, "results", sorted(got("remote")), sorted(want))
	equal(t, "failures", sorted(got("remote failures")), sorted([]string{
		"-1 0 failed at inference: " + server.URL + "/v2/models/m/versions/3/infer: 400 Bad Request: -1 is negative",
		"6 7 failed at postprocess: unlucky",
		`a b failed at preprocess: strconv.ParseFloat: parsing "a": invalid syntax`,
	}))
	if s.most < 2 || s.most > 4 || slices.Max(s.sizes) != 4 {
		t.Errorf("%d requests at once, batches of %v", s.most, s.sizes)
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// TestRemoteGroups has examples of two shapes in one batch, and a model without an axis for the batch.
func TestRemoteGroups(t *testing.T) {
	s := &v2Server{model: sums}
	server := s.serve(t)
	out, err := loadRemote(t, remoteOf(server)).Infer(t.Context(), []string{"1", "2 3", "4", "5 6"})
	if err != nil || !slices.Equal(out, []string{"y[1]", "y[5]", "y[4]", "y[11]"}) || !slices.Equal(s.sizes, []int{2, 2}) {
		t.Errorf("%q, %v, batches %v", out, err, s.sizes)
	}
	single := &v2Server{model: func(in []v2Tensor) ([]v2Tensor, error) {
		if !slices.Equal(in[0].shape, []int{2}) {
			return nil, fmt.Errorf("shape %v", in[0].shape)
		}
		return []v2Tensor{{"y", "FP32", []int{}, in[0].raw[4:]}}, nil
	}}
	h := remoteOf(single.serve(t))
	h.Unbatched = true
	if out, err = loadRemote(t, h).Infer(t.Context(), []string{"1 2", "3 4"}); err != nil ||
		!slices.Equal(out, []string{"y[2]", "y[4]"}) || single.requests != 2 {
		t.Errorf("%q, %v in %d requests", out, err, single.requests)
	}
}

// TestRemoteInputs has a codec that makes inputs which the protocol cannot say: they concern their own example.
func TestRemoteInputs(t *testing.T) {
	s := &v2Server{model: func(in []v2Tensor) ([]v2Tensor, error) {
		return []v2Tensor{{"y", "FP32", []int{in[0].shape[0], 1}, make([]byte, 4*in[0].shape[0])}}, nil
	}}
	h := remoteOf(s.serve(t))
	h.Codec = &pairs{}
	out, err := loadRemote(t, h).Infer(t.Context(), []string{"a b", "a b c", "a", "", "c d"})
	each, ok := err.(ExampleErrors)
	if !ok || len(each.Unwrap()) != 3 || each[0] != nil || each[4] != nil || !slices.Equal(s.sizes, []int{2}) {
		t.Fatalf("%q, %v, batches %v", out, err, s.sizes)
	}
	for _, i := range []int{1, 2, 3} {
		if stage, _ := stageOf(each[i], ""); stage != StagePreprocess {
			t.Errorf("example %d failed at %q: %v", i, stage, each[i])
		}
	}
}

// pairs is a codec of pairs of words, and does not count them.
type pairs struct{ numbers }

func (*pairs) Encode(_ context.Context, e string) ([]RemoteTensor, error) {
	if e == "" {
		return nil, nil
	}
	return []RemoteTensor{{Name: "x", Shape: tensor.Shape{2}, Bytes: bytes.Fields([]byte(e))}}, nil
}

// TestRemoteDown wants a server that is down to cost each batch one series of attempts, not each example.
func TestRemoteDown(t *testing.T) {
	s := &v2Server{before: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		http.Error(w, `{"error":"out of memory"}`, http.StatusServiceUnavailable)
		return true
	}}
	h := remoteOf(s.serve(t))
	h.Retries = -1
	_, err := loadRemote(t, h).Infer(t.Context(), []string{"1", "2", "3"})
	each, ok := err.(ExampleErrors)
	if !ok || len(each.Unwrap()) != 3 || s.requests != 1 {
		t.Fatalf("error %v after %d requests", err, s.requests)
	}
	e, ok := errors.AsType[*RemoteError](each[2])
	if !ok || e.Status != 503 || e.Body != "out of memory" || e.Attempts != 1 || !strings.HasSuffix(e.URL, "/v2/models/m/infer") {
		t.Errorf("error %#v", each[2])
	}
}

// tripper answers requests without a network, so that time can be synctest's.
type tripper struct {
	answers []any // errors, statuses or functions, the last for ever
	at      []time.Duration
	start   time.Time
}

func (r *tripper) RoundTrip(q *http.Request) (*http.Response, error) {
	n := min(len(r.at), len(r.answers)-1)
	r.at = append(r.at, time.Since(r.start))
	switch a := r.answers[n].(type) {
	case error:
		return nil, a
	case int:
		return reply(a, `{"error":"status"}`), nil
	case func(*http.Request) (*http.Response, error):
		return a(q)
	}
	panic("no answer")
}

func reply(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

const answerOne = `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[[7]]}]}`

// tripped returns a loaded model whose requests go to a tripper.
func tripped(h Remote[string, string], answers ...any) (*remoteModel[string, string], *tripper) {
	h.Endpoint, h.Model, h.Codec = "http://user:password@host", "m", &numbers{}
	u, err := h.url()
	if err != nil {
		panic(err)
	}
	c := newRemoteClient(u, h.Retries, h.Timeout, h.MaxBytes)
	r := &tripper{answers: answers, start: time.Now()}
	c.http.Transport = r
	return &remoteModel[string, string]{&h, c}, r
}

func (m *remoteModel[E, P]) one(ctx context.Context, e E) (P, error) {
	in, err := m.Codec.Encode(ctx, e)
	if err != nil {
		panic(err)
	}
	out, err := m.predict(ctx, [][]RemoteTensor{in})
	if err != nil {
		var none P
		return none, err.(ExampleErrors)[0]
	}
	return out[0], nil
}

func good(*http.Request) (*http.Response, error) { return reply(200, answerOne), nil }

func after(seconds, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		r := reply(429, body)
		r.Header.Set("Retry-After", seconds)
		return r, nil
	}
}

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func truncated(*http.Request) (*http.Response, error) {
	r := reply(200, "")
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(answerOne[:20]), iotestErr{}))
	return r, nil
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestRemoteRetries goes through what a server and the network may do.
func TestRemoteRetries(t *testing.T) {
	type function = func(*http.Request) (*http.Response, error)
	lost := errors.New("connection reset")
	for name, c := range map[string]struct {
		answers  []any
		h        Remote[string, string]
		attempts int
		status   int           // of the error; -1 for none
		is       error         // that the error is
		atLeast  time.Duration // until the last attempt
	}{
		"at once":           {[]any{function(good)}, Remote[string, string]{}, 1, -1, nil, 0},
		"503s":              {[]any{503, 503, 502, 504, function(good)}, Remote[string, string]{}, 5, -1, nil, 0},
		"503 for ever":      {[]any{503}, Remote[string, string]{}, 6, 503, nil, 0},
		"twice":             {[]any{503}, Remote[string, string]{Retries: 2}, 3, 503, nil, 0},
		"never again":       {[]any{503}, Remote[string, string]{Retries: -1}, 1, 503, nil, 0},
		"connection":        {[]any{lost, lost, function(good)}, Remote[string, string]{}, 3, -1, nil, 0},
		"connection gone":   {[]any{lost}, Remote[string, string]{}, 6, 0, lost, 0},
		"refused":           {[]any{400}, Remote[string, string]{}, 1, 400, nil, 0},
		"unauthorized":      {[]any{401}, Remote[string, string]{}, 1, 401, nil, 0},
		"crash":             {[]any{500}, Remote[string, string]{}, 1, 500, nil, 0},
		"redirect":          {[]any{302}, Remote[string, string]{}, 1, 302, nil, 0},
		"retry after":       {[]any{after("7", ""), function(good)}, Remote[string, string]{}, 2, -1, nil, 7 * time.Second},
		"retry after years": {[]any{after("99999999", "")}, Remote[string, string]{}, 1, 429, nil, 0},
		"truncated":         {[]any{function(truncated), function(good)}, Remote[string, string]{}, 2, -1, nil, 0},
		"any length":        {[]any{function(good)}, Remote[string, string]{MaxBytes: math.MaxInt64}, 1, -1, nil, 0},
		"too long":          {[]any{function(good)}, Remote[string, string]{MaxBytes: 9}, 1, 0, errTooLong, 0},
		"hang": {[]any{function(hang), function(good)}, Remote[string, string]{Timeout: 3 * time.Second}, 2, -1, nil,
			3 * time.Second},
		"hang for ever": {[]any{function(hang)}, Remote[string, string]{Timeout: time.Second}, 6, 0,
			context.DeadlineExceeded, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, r := tripped(c.h, c.answers...)
				out, err := m.one(t.Context(), "1")
				if len(r.at) != c.attempts || r.at[len(r.at)-1] < c.atLeast {
					t.Errorf("attempts at %v, want %d", r.at, c.attempts)
				}
				if c.status < 0 {
					if err != nil || out != "y[7]" {
						t.Errorf("%q, %v", out, err)
					}
					return
				}
				e, ok := errors.AsType[*RemoteError](err)
				if !ok || e.Status != c.status || e.Attempts != c.attempts || (c.is != nil && !errors.Is(err, c.is)) {
					t.Errorf("error %#v %v", err, err)
				}
				if strings.Contains(err.Error(), "password") {
					t.Errorf("error %v tells the password", err)
				}
			})
		})
	}
}

// TestRemoteCancel ends a context while a request waits for its next attempt.
func TestRemoteCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, r := tripped(Remote[string, string]{}, after("60", ""))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		in, _ := m.Codec.Encode(ctx, "1")
		_, err := m.predict(ctx, [][]RemoteTensor{in})
		if !errors.Is(err, context.DeadlineExceeded) || len(r.at) != 1 || time.Since(r.start) != 5*time.Second {
			t.Errorf("error %v after %v, attempts at %v", err, time.Since(r.start), r.at)
		}
		if m.client.throttle.lost.Load() != 0 {
			t.Error("a pause that was not waited for was counted")
		}
	})
}

// TestThrottle has a server fail for half a minute and then recover.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var th throttle
		if th.p() != 0 {
			t.Fatalf("p = %v to begin with", th.p())
		}
		for range 100 { // in flight, and nothing is wrong
			if err := th.wait(t.Context()); err != nil || th.lost.Load() != 0 {
				t.Fatalf("%v, %d ns lost", err, th.lost.Load())
			}
		}
		begin, sent := time.Now(), 0
		for time.Since(begin) < 30*time.Second {
			if err := th.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			th.count(1, 0)
			sent++
			time.Sleep(10 * time.Millisecond)
		}
		millis, seconds := th.takeLost()
		lost := time.Duration(millis) * time.Millisecond
		if seconds != millis/1000 {
			t.Errorf("%d ms and %d s lost", millis, seconds)
		}
		if sent < 3 || sent > 60 || lost < 20*time.Second || lost > 42*time.Second {
			t.Errorf("%d requests to a server that is down, %v lost", sent, lost)
		}
		begin, sent = time.Now(), 0
		for time.Since(begin) < 30*time.Second {
			if err := th.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			th.count(1, 1)
			sent++
			time.Sleep(10 * time.Millisecond)
		}
		if p := th.p(); p != 0 || sent < 1500 {
			t.Errorf("%d requests to a server that is up, p = %v", sent, p)
		}
		// The formula: of 10 requests 3 succeeded.
		time.Sleep(20 * time.Second)
		th.count(10, 3)
		if p, want := th.p(), 4.0/11; p != want {
			t.Errorf("p = %v, want %v", p, want)
		}
	})
}

// TestRemoteTypes echoes tensors of all types through the server, as numbers and as text.
func TestRemoteTypes(t *testing.T) {
	s := &v2Server{model: func(in []v2Tensor) ([]v2Tensor, error) { return in, nil }}
	server := s.serve(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, textOnly := range []bool{false, true} {
		h := remoteOf(server)
		h.TextOnly = textOnly
		u, err := h.url()
		if err != nil {
			t.Fatal(err)
		}
		m := &remoteModel[string, string]{h, newRemoteClient(u, 0, 0, 0)}
		var batch [][]RemoteTensor
		for range 3 {
			var in []RemoteTensor
			for dtype := range datatypes {
				if half := dtype == tensor.Float16 || dtype == tensor.BFloat16; half && textOnly {
					continue
				}
				in = append(in, RemoteTensor{Name: dtype.String(), Value: randomTensor(t, random, dtype, 2, 3)})
			}
			slices.SortFunc(in, func(a, b RemoteTensor) int { return strings.Compare(a.Name, b.Name) })
			in = append(in, RemoteTensor{Name: "strings", Shape: tensor.Shape{2},
				Bytes: [][]byte{[]byte("a\x00\"b"), {}}}, RemoteTensor{Name: "one", Bytes: [][]byte{[]byte("é")}})
			batch = append(batch, in)
		}
		answers, err := m.ask(t.Context(), batch, []int{2, 0})
		if err != nil {
			t.Fatalf("text %v: %v", textOnly, err)
		}
		for k, i := range []int{2, 0} {
			for j, want := range batch[i] {
				got := answers[k][j]
				if want.Value == nil && (!reflect.DeepEqual(got.Bytes, want.Bytes) || !got.Shape.Equal(want.Shape)) ||
					want.Value != nil && (got.Value.String() != want.Value.String() ||
						!bytes.Equal(got.Value.Bytes(), want.Value.Bytes())) || got.Name != want.Name {
					t.Errorf("text %v: example %d: %+v, want %+v", textOnly, i, got, want)
				}
			}
		}
	}
}

func randomTensor(t *testing.T, random *rand.Rand, dtype tensor.DType, shape ...int) *tensor.Tensor {
	x, err := tensor.New(dtype, shape...)
	if err != nil {
		t.Fatal(err)
	}
	data := x.Bytes()
	for i := range data {
		switch data[i] = byte(random.Uint32()); dtype {
		case tensor.Bool:
			data[i] &= 1
		case tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16:
			data[i] &= 0x3b // no NaN, infinity
		}
	}
	return x
}

// TestRemoteRefuses sends nothing that the protocol cannot say.
func TestRemoteRefuses(t *testing.T) {
	f, err := tensor.Of([]float32{1, float32(nan())}, 2)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tensor.Of([]complex64{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	h, err := tensor.Of([]tensor.Half{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]struct {
		t    RemoteTensor
		text bool
	}{
		"complex":      {RemoteTensor{Value: c}, false},
		"NaN":          {RemoteTensor{Value: f}, true},
		"half":         {RemoteTensor{Value: h}, true},
		"no UTF-8":     {RemoteTensor{Bytes: [][]byte{{0xff}}}, true},
		"too few":      {RemoteTensor{Shape: tensor.Shape{2}, Bytes: [][]byte{{1}}}, false},
		"bad shape":    {RemoteTensor{Shape: tensor.Shape{-1}}, false},
		"nothing":      {RemoteTensor{}, false},
		"text complex": {RemoteTensor{Value: c}, true},
	} {
		if _, _, err := encodeRequest([]RemoteTensor{in.t}, nil, in.text); err == nil {
			t.Errorf("%s: no error", name)
		} else if stage, _ := stageOf(err, ""); stage != StagePreprocess {
			t.Errorf("%s: stage %q", name, stage)
		}
	}
}

func nan() float64 { z := 0.0; return z / z }

// wrongAnswers are bodies, after the length of their JSON, that are to be refused, with a part of the reason.
var wrongAnswers = map[string]struct {
	header int
	body   string
	want   string
}{
	"empty":           {-1, ``, "EOF"},
	"not JSON":        {-1, `<html>`, "invalid"},
	"NaN":             {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[NaN]}]}`, "invalid"},
	"no outputs":      {-1, `{"outputs":[]}`, "no outputs"},
	"error with 200":  {-1, `{"error":"busy"}`, "no outputs"},
	"two objects":     {-1, answerOne + `{}`, "follows"},
	"header too long": {200, answerOne, "200 bytes"},
	"garbage behind":  {len(answerOne), answerOne + "xx", "2 bytes"},
	"rows":            {-1, `{"outputs":[{"name":"y","shape":[2,1],"datatype":"FP32","data":[1,2]}]}`, "for 1 examples"},
	"scalar":          {-1, `{"outputs":[{"name":"y","shape":[],"datatype":"FP32","data":[1]}]}`, "for 1 examples"},
	"too few":         {-1, `{"outputs":[{"name":"y","shape":[1,2],"datatype":"FP32","data":[ 1 ]}]}`, "1 elements, want 2"},
	"too many":        {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[1,2]}]}`, "more than 1"},
	"text in numbers": {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":["1"]}]}`, "element 1"},
	"object":          {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":[{}]}]}`, "object"},
	"null":            {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","data":null}]}`, "element"},
	"no data":         {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32"}]}`, "bytes of data"},
	"range":           {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"INT8","data":[128]}]}`, "out of range"},
	"spaces":          {-1, `{"outputs":[{"name":"y","shape":[1,4],"datatype":"FP32","data":[          1]}]}`, "1 elements, want 4"},
	"fraction":        {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"INT64","data":[1.5]}]}`, "syntax"},
	"type":            {-1, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP8","data":[1]}]}`, "FP8"},
	"shape":           {-1, `{"outputs":[{"name":"y","shape":[1,-1],"datatype":"FP32","data":[1]}]}`, "shape"},
	"huge":            {-1, `{"outputs":[{"name":"y","shape":[1,4611686018427387904],"datatype":"FP32","data":[1]}]}`, "shape"},
	"large":           {-1, `{"outputs":[{"name":"y","shape":[1,1000000],"datatype":"FP32","data":[1]}]}`, "bytes of data"},
	"twice": {-1, `{"outputs":[{"name":"y","shape":[1],"datatype":"BOOL","data":[true]},` +
		`{"name":"y","shape":[1],"datatype":"BOOL","data":[true]}]}`, "two outputs"},
	"size":          {80, padded(`{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":3}}]}`), "JSON"},
	"long binary":   {-2, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":8}}]}` + "\n1234", "with 4 bytes"},
	"short binary":  {-2, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":3}}]}` + "\n123", "3 bytes for"},
	"binary size":   {-2, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":-1}}]}` + "\n1234", "-1"},
	"binary bool":   {-2, `{"outputs":[{"name":"y","shape":[1,1],"datatype":"BOOL","parameters":{"binary_data_size":1}}]}` + "\n2", "bool"},
	"string length": {-2, `{"outputs":[{"name":"y","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}` + "\n\x02\x00\x00\x00a", "string 0"},
	"string tail":   {-2, `{"outputs":[{"name":"y","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":6}}]}` + "\n\x01\x00\x00\x00ab", "after the last"},
	"strings":       {-2, `{"outputs":[{"name":"y","shape":[9],"datatype":"BYTES","parameters":{"binary_data_size":4}}]}` + "\n\x00\x00\x00\x00", "9 strings"},
}

func padded(s string) string { return s + strings.Repeat(" ", 80) }

// TestWrongAnswers wants a ProtocolError for each, at once: another attempt would bring the same.
func TestWrongAnswers(t *testing.T) {
	for name, c := range wrongAnswers {
		if c.header == -2 { // up to the newline
			c.header = strings.IndexByte(c.body, '\n')
			c.body = c.body[:c.header] + c.body[c.header+1:]
		}
		m, r := tripped(Remote[string, string]{}, func(*http.Request) (*http.Response, error) {
			a := reply(200, c.body)
			if c.header >= 0 {
				a.Header.Set(headerLength, strconv.Itoa(c.header))
			}
			return a, nil
		})
		_, err := m.one(t.Context(), "1")
		e, ok := errors.AsType[*ProtocolError](err)
		if !ok || len(r.at) != 1 || (name != "size" && !strings.Contains(err.Error(), c.want)) ||
			strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v (%+v) after %d attempts", name, err, e, len(r.at))
		}
	}
	m, _ := tripped(Remote[string, string]{Outputs: []string{"z"}}, func(*http.Request) (*http.Response, error) {
		return reply(200, answerOne), nil
	})
	if _, err := m.one(t.Context(), "1"); err == nil || !strings.Contains(err.Error(), `no output "z"`) {
		t.Errorf("error %v", err)
	}
	m, _ = tripped(Remote[string, string]{}, func(*http.Request) (*http.Response, error) {
		a := reply(200, answerOne)
		a.Header.Set(headerLength, "-1")
		return a, nil
	})
	if _, err := m.one(t.Context(), "1"); err == nil || !strings.Contains(err.Error(), headerLength) {
		t.Errorf("error %v", err)
	}
}

func FuzzRemoteAnswer(f *testing.F) {
	f.Add(answerOne, -1)
	for _, c := range wrongAnswers {
		f.Add(c.body, c.header)
	}
	f.Fuzz(func(t *testing.T, body string, header int) {
		outputs, err := decodeAnswer([]byte(body), header)
		if err != nil {
			return
		}
		for _, o := range outputs {
			if n := o.Shape.Len(); o.Value == nil && len(o.Bytes) != n {
				t.Errorf("%d strings for %v", len(o.Bytes), o.Shape)
			}
		}
		// What was read can be sent and read again.
		text, header, err := encodeRequest(outputs, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(`"inputs":`), []byte(`"outputs":`), 1)
		if again, err := decodeAnswer(text, header+1); err != nil || len(again) != len(outputs) {
			t.Errorf("read again: %v", err)
		}
	})
}

// TestRemoteLoad wants a model that is not there, and a server that lacks authority, to fail at once.
func TestRemoteLoad(t *testing.T) {
	server := (&v2Server{model: sums}).serve(t)
	h := remoteOf(server)
	h.Model = "a/b"
	_, err := h.Load(t.Context())
	if e, ok := errors.AsType[*RemoteError](err); !ok || e.Status != 404 || e.Body != "no such model" ||
		!strings.HasSuffix(e.URL, "/v2/models/a%2Fb/ready") {
		t.Errorf("error %v", err)
	}
	h = remoteOf(server)
	h.Codec = &numbers{Secret: "none"}
	if _, err = h.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "no secret") {
		t.Errorf("error %v", err)
	}
	var seen string
	secured := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen = r.Header.Get("Authorization")
	}))
	defer secured.Close()
	h = remoteOf(secured)
	h.Codec = &numbers{Secret: "xyz"}
	if _, err = h.Load(t.Context()); err != nil || seen != "Bearer xyz" {
		t.Errorf("authorization %q, %v", seen, err)
	}
}

func TestRemoteFields(t *testing.T) {
	h := &Remote[string, string]{Codec: &numbers{Secret: "s"}, Endpoint: "https://h/prefix", Model: "m n", Version: "2",
		Outputs: []string{"a"}, Retries: 1, Timeout: 2, MaxBytes: 3, TextOnly: true, Unbatched: true}
	data, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var back Remote[string, string]
	if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(h, &back) {
		t.Errorf("came back as %+v, %v", back, err)
	}
	if u, err := h.url(); err != nil || u.String() != "https://h/prefix/v2/models/m%20n/versions/2" {
		t.Errorf("URL %v, %v", u, err)
	}
	if low, high := h.PreferredBatch(); low != 1 || high != 1 || h.ModelID() != "m n/2" {
		t.Errorf("batches from %d to %d of %q", low, high, h.ModelID())
	}
	for name, change := range map[string]func(h *Remote[string, string]){
		"Codec":     func(h *Remote[string, string]) { h.Codec = nil },
		"Endpoint":  func(h *Remote[string, string]) { h.Endpoint = "host:80" },
		"scheme":    func(h *Remote[string, string]) { h.Endpoint = "ftp://host" },
		"no host":   func(h *Remote[string, string]) { h.Endpoint = "http:///v2" },
		"query":     func(h *Remote[string, string]) { h.Endpoint = "http://h?key=password" },
		"no URL":    func(h *Remote[string, string]) { h.Endpoint = "http://a:password@h:x" },
		"Model":     func(h *Remote[string, string]) { h.Model = "" },
		"dots":      func(h *Remote[string, string]) { h.Version = ".." },
		"Timeout":   func(h *Remote[string, string]) { h.Timeout = -1 },
		"MaxBytes":  func(h *Remote[string, string]) { h.MaxBytes = -1 },
		"undamaged": nil,
	} {
		c := *h
		if change != nil {
			change(&c)
		}
		if err := c.Validate(); (err == nil) != (change == nil) || err != nil && name == "no URL" && strings.Contains(err.Error(), "password") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
