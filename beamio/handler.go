package beamio

import (
	"context"
	"errors"
	"fmt"
)

// Model runs batches of examples of type E and returns predictions of type P.
// One model serves a whole process; beamio calls Infer from one goroutine at a
// time, but not always the same, unless [WithConcurrency] allows more.
//
// A model may have methods Bytes() int64, the memory of its weights, and
// Close() error. It is closed when it was replaced or had to make room, after
// its last batch; otherwise it stays loaded until the process ends.
type Model[E, P any] interface {
	// Infer returns one prediction for each example of the batch, in order.
	//
	// If it knows which examples are at fault it returns [ExampleErrors]
	// together with the predictions of the others. After any other error,
	// a panic, a wrong number of predictions, or the end of its time (see
	// [WithTimeout]), each example of the batch is run again alone, so that
	// only those that fail alone are lost.
	//
	// ctx ends when nobody wants the predictions any more. It is not for
	// Beam's metrics: Infer runs on a goroutine of its own.
	Infer(ctx context.Context, batch []E) ([]P, error)
}

// ModelHandler is a recipe for a [Model]. It travels to workers as the JSON of
// its exported fields, so it must be a struct, or a pointer to one, that is
// complete in them: no functions, interfaces or NaN. Its type is registered
// with [Register].
//
// A handler may also have any of these methods:
//
//	ModelID() string                // what [PredictionResult] calls the model; default is the type's name
//	Validate() error                // looked at when the pipeline is built
//	PreferredBatch() (min, max int) // batch sizes for lack of [WithBatchSize]; default is 1 and 1024
//	Weight(E) int                   // for [WithBatchWeight]
//	Bucket(E) string                // only examples of one bucket are in one batch, Python's length buckets
//	WithPath(string) ModelHandler[E, P] // a copy for another checkpoint: [WithModelWatch], [WithModelUpdates]
type ModelHandler[E, P any] interface {
	// Load loads the model. It is called once in a process for equal
	// handlers, by the first example, unless a model had to go. When it
	// fails so does the bundle, and the next bundle tries again.
	Load(ctx context.Context) (Model[E, P], error)
}

// PredictionResult is a prediction, the example it was made from, and the model
// that made it.
type PredictionResult[E, P any] struct {
	Example   E      `json:"example"`
	Inference P      `json:"inference"`
	ModelID   string `json:"model_id"`
}

// Failure is an example that no prediction was made for.
type Failure[E any] struct {
	Example E      `json:"example"`
	Stage   string `json:"stage"` // one of the stages, such as [StageDecode]
	Error   string `json:"error"`
	ModelID string `json:"model_id"`
}

// The stages of the work on an example, as [Failure] and [StageError] name them.
const (
	StageRoute       = "route"       // finding its model and batch
	StageLoad        = "load"        // loading the model it asks for
	StageRead        = "read"        // reading a file
	StageDecode      = "decode"      // making a picture of its bytes
	StagePreprocess  = "preprocess"  // making the network's input of it
	StageInference   = "inference"   // running the network
	StagePostprocess = "postprocess" // making the prediction of its output
)

// StageError says at which stage an error happened. Models return it, alone or
// in [ExampleErrors]. Without one the stage is [StagePreprocess] for what
// [Steps] prepares and [StageInference] for everything else.
type StageError struct {
	Stage string
	Err   error
}

// Error returns "decode: " and the text of Err, say.
func (e *StageError) Error() string { return fmt.Sprintf("%s: %v", e.Stage, e.Err) }

// Unwrap returns e.Err.
func (e *StageError) Unwrap() error { return e.Err }

// AtStage returns a [*StageError], or nil if err is nil.
func AtStage(stage string, err error) error {
	if err == nil {
		return nil
	}
	return &StageError{stage, err}
}

// ExampleErrors is an error of Infer that has one entry for each example of the
// batch, nil for those that went well.
type ExampleErrors []error

// Error returns how many examples failed and why the first of them did.
func (e ExampleErrors) Error() string {
	n := 0
	var first error
	for _, err := range e {
		if err == nil {
			continue
		}
		if n++; first == nil {
			first = err
		}
	}
	return fmt.Sprintf("%d of %d examples failed, the first with: %v", n, len(e), first)
}

// Unwrap returns the errors that are not nil.
func (e ExampleErrors) Unwrap() []error {
	var out []error
	for _, err := range e {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// CountError reports a model that returned a wrong number of predictions, or of
// [ExampleErrors], for a batch.
type CountError struct {
	What      string // "predictions" or "errors"
	Got, Want int
}

// Error returns "the model returned 3 predictions for 4 examples", say.
func (e *CountError) Error() string {
	return fmt.Sprintf("the model returned %d %s for %d examples", e.Got, e.What, e.Want)
}

// PanicError reports a panic in a handler or a model.
type PanicError struct {
	Value any
	Stack []byte
}

// Error returns what was panicked with, without the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the error that was panicked with, if it was one.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// stageOf returns the stage that err names, or otherwise, and what happened there.
func stageOf(err error, otherwise string) (stage string, cause error) {
	var s *StageError
	switch {
	case !errors.As(err, &s):
		return otherwise, err
	case s == err && s.Err != nil:
		return s.Stage, s.Err
	}
	return s.Stage, err // what wraps s says more, and an error without a cause is an error
}
