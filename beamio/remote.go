package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/argand-go/argand/tensor"
)

// Remote is a handler for a model on a server that speaks version 2 of the Open
// Inference Protocol over HTTP: KServe, Triton Inference Server, OpenVINO Model
// Server, MLServer and others. It is Python's RemoteModelHandler. Codec says what
// an example is to the model.
//
//	func init() {
//		beamio.Register(&beamio.Remote[beamio.Picture, string]{})
//		beamio.RegisterCodec(&animals{})
//	}
//
//	h := &beamio.Remote[beamio.Picture, string]{Endpoint: "http://triton:8000", Model: "animals", Codec: &animals{}}
//	answers := beamio.RunInference(s, h, pictures, beamio.WithConcurrency(8))
//
// Examples of a batch go in one request, stacked along a first axis, the
// batch's; those whose inputs differ in shape or type go in one request for each
// kind. [WithConcurrency] says how many requests are in flight at once.
//
// A request that does not arrive, takes too long, or is answered with status
// 429, 502, 503 or 504 is sent again after a pause: a random part of a time that
// doubles, or what the server asks for in Retry-After. While requests fail,
// later ones are held back as likely as p = max(0, (all − 2·ok)/(all + 1)), of
// those of the last ten seconds, until the server recovers. The time that the
// server costs so is in the counters cumulativeThrottlingSeconds, Python's, and
// throttling-msecs of the namespace beam-throttling-metrics, Java's, by which
// runners see that more workers would not help.
//
// When that is of no use all examples of the request fail, with a
// [*RemoteError]. After any other status they are sent alone, so that one that
// the server refuses does not take others along. Load fails if the server does
// not say that the model is ready.
type Remote[E, P any] struct {
	Codec RemoteCodec[E, P] // of a type that was given to RegisterCodec

	Endpoint  string        // "http://host:8000", and a path before "/v2" if there is one
	Model     string        // the model's name on the server
	Version   string        // of the model; "" to let the server choose
	Outputs   []string      // that are wanted; all by default
	Retries   int           // of a request, after the first attempt; 5 by default, negative for none
	Timeout   time.Duration // of an attempt; one minute by default
	MaxBytes  int64         // of an answer; 64 MiB by default
	TextOnly  bool          // numbers as JSON, for servers without the binary tensor data extension
	Unbatched bool          // the model's tensors have no axis for the batch: one example a request
}

// RemoteCodec says how a [Remote] model takes examples and gives predictions. It
// travels as handlers do, as the JSON of its exported fields, and its type is
// registered with [RegisterCodec]. Its methods are called from many goroutines.
//
// A codec may also have the methods Validate() error, Weight(E) int and Bucket(E) string that
// [ModelHandler] tells of, and
//
//	Authorize(ctx context.Context, r *http.Request) error
//
// which is called with every request before it is sent, on the worker: it sets
// the headers that the server wants. Keep credentials out of the fields: these
// are part of the job's description.
type RemoteCodec[E, P any] interface {
	// Encode returns the inputs for one example, without an axis for the
	// batch. It runs ahead, while requests are under way. An error concerns
	// this example alone, at [StagePreprocess] unless it is a [*StageError].
	Encode(ctx context.Context, e E) ([]RemoteTensor, error)

	// Decode returns the prediction of the outputs for one example, without
	// an axis for the batch, in the order of Remote.Outputs, or the server's. An
	// error concerns this example alone, at [StagePostprocess] unless it is a
	// [*StageError].
	Decode(ctx context.Context, outputs []RemoteTensor) (P, error)
}

// RemoteTensor is an input or output of a [Remote] model: numbers, as Value, or
// the protocol's BYTES, strings of any content, as Bytes and their Shape.
type RemoteTensor struct {
	Name  string
	Value *tensor.Tensor // of any type but complex ones; nil for BYTES
	Bytes [][]byte       // row-major
	Shape tensor.Shape   // of Bytes; () for one string
}

// RegisterCodec makes the type of a codec known to Beam, as [Register] does for
// handlers.
func RegisterCodec[E, P any](c RemoteCodec[E, P]) {
	runtime.RegisterType(typeOf(c)) // not beam.RegisterType: a codec is no row
}

// authorizer is the optional method of a [RemoteCodec].
type authorizer interface {
	Authorize(ctx context.Context, r *http.Request) error
}

// remoteFields are those of [Remote] that are plain, and its codec packed.
type remoteFields struct {
	Codec     packed
	Endpoint  string
	Model     string
	Version   string        `json:",omitempty"`
	Outputs   []string      `json:",omitempty"`
	Retries   int           `json:",omitempty"`
	Timeout   time.Duration `json:",omitempty"`
	MaxBytes  int64         `json:",omitempty"`
	TextOnly  bool          `json:",omitempty"`
	Unbatched bool          `json:",omitempty"`
}

// MarshalJSON packs the codec.
func (r Remote[E, P]) MarshalJSON() ([]byte, error) {
	codec, err := pack(r.Codec)
	if err != nil {
		return nil, fmt.Errorf("Codec: %w", err)
	}
	return json.Marshal(remoteFields{codec, r.Endpoint, r.Model, r.Version, r.Outputs, r.Retries, r.Timeout,
		r.MaxBytes, r.TextOnly, r.Unbatched})
}

// UnmarshalJSON unpacks it.
func (r *Remote[E, P]) UnmarshalJSON(data []byte) error {
	var f remoteFields
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	codec, err := unpack[RemoteCodec[E, P]](f.Codec)
	if err != nil {
		return fmt.Errorf("Codec: %w", err)
	}
	*r = Remote[E, P]{codec, f.Endpoint, f.Model, f.Version, f.Outputs, f.Retries, f.Timeout, f.MaxBytes,
		f.TextOnly, f.Unbatched}
	return nil
}

// Validate implements what [ModelHandler] says of it.
func (r *Remote[E, P]) Validate() error {
	if r.Codec == nil {
		return errors.New("Codec is nil")
	}
	switch {
	case r.Timeout < 0:
		return fmt.Errorf("a Timeout of %v", r.Timeout)
	case r.MaxBytes < 0:
		return fmt.Errorf("MaxBytes of %d", r.MaxBytes)
	}
	if _, err := r.url(); err != nil {
		return err
	}
	return validate(r.Codec)
}

// url returns where the model is.
func (r *Remote[E, P]) url() (*url.URL, error) {
	u, err := url.Parse(r.Endpoint)
	switch {
	case err != nil: // whose text would show a password
		return nil, errors.New("Endpoint is no URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("Endpoint %q must be http://host:port or https://host", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("Endpoint %q must not have a query or fragment", u.Redacted())
	}
	path := []string{"v2", "models", r.Model}
	if r.Version != "" {
		path = append(path, "versions", r.Version)
	}
	for i, p := range path {
		if p == "" || p == "." || p == ".." {
			return nil, fmt.Errorf("a model %q of version %q cannot be", r.Model, r.Version)
		}
		path[i] = url.PathEscape(p)
	}
	return u.JoinPath(path...), nil
}

// ModelID returns the model's name, and "/" and its version if there is one.
func (r *Remote[E, P]) ModelID() string {
	if r.Version != "" {
		return r.Model + "/" + r.Version
	}
	return r.Model
}

// PreferredBatch returns 1 and 8, or 1 and 1 for an Unbatched model. Servers have
// their own limits: see [WithBatchSize].
func (r *Remote[E, P]) PreferredBatch() (low, high int) {
	if r.Unbatched {
		return 1, 1
	}
	return 1, 8
}

func (r *Remote[E, P]) weigher() func(E) int { return weigher[E](r.Codec) }

func (r *Remote[E, P]) bucketer() func(E) string { return bucketer[E](r.Codec) }

// Load asks the server whether the model is ready. Its error is a [*RemoteError]
// if the server does not answer that it is, after all retries.
func (r *Remote[E, P]) Load(ctx context.Context) (Model[E, P], error) {
	u, err := r.url()
	if err != nil {
		return nil, err
	}
	c := newRemoteClient(u, r.Retries, r.Timeout, r.MaxBytes)
	c.authorizer, _ = r.Codec.(authorizer)
	if err := c.ready(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	m := &remoteModel[E, P]{r, c}
	return &Steps[E, []RemoteTensor, P]{Prepare: m.encode, Predict: m.predict, Network: c}, nil
}
