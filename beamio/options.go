package beamio

import (
	"errors"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// DefaultNamespace is the namespace of the metrics for lack of [WithNamespace].
const DefaultNamespace = "BeamML_Argand"

// DefaultWatchInterval is Python's interval between two looks at the files of
// [WithModelWatch].
const DefaultWatchInterval = 360 * time.Second

// settings are what a DoFn is told, besides its handler. Zero stands for the
// default of an option.
type settings struct {
	MinBatch, MaxBatch int // 0 for what the handler prefers
	MaxWeight          int
	Delay              time.Duration
	Copies             int
	Concurrency        int
	Timeout            time.Duration
	Namespace, ModelID string
	NoExample          bool
	Histograms         bool
	WatchGlob          string
	WatchInterval      time.Duration
	MaxModels          int
	MaxBytes           int64

	Strict  bool // a failing example fails the bundle: there is no second output
	Alone   bool // every example leaves before the next arrives; see window.go
	Updated bool // examples name the checkpoint they want; see updates.go

	sized     bool // WithBatchSize was used
	threshold *float64
	updates   *beam.PCollection
	errs      []error
}

// An Option changes how [RunInference] works. Numbers out of range are errors
// of [TryRunInference] and panics of [RunInference].
type Option func(*settings)

// WithBatchSize sets how many examples the model gets at once: Python's
// min_batch_size and max_batch_size. Between the two, the size is chosen so
// that what a batch costs by itself is about 5 % of its time and that it takes
// at most 10 seconds, from measurements of the model, which all bundles of a
// process share. The last batch of a bundle may be smaller than low. The
// default is the handler's PreferredBatch, or 1 and 1024.
func WithBatchSize(low, high int) Option {
	return func(s *settings) { s.MinBatch, s.MaxBatch, s.sized = low, high, true }
}

// WithBatchWeight limits the sum of the weights of a batch's examples, Python's
// max_batch_weight. The handler says what an example weighs in a method
// Weight(E) int, Python's element_size_fn. An example that is heavier than n is
// a batch by itself. By default weights do not matter.
func WithBatchWeight(n int) Option {
	return func(s *settings) { s.need(n >= 1, "a batch weight of %d", n); s.MaxWeight = n }
}

// WithBatchDelay gathers batches from all bundles of the process, for d at
// most: Python's max_batch_duration_secs, without its state and shuffle. Every
// bundle emits the results of its own examples, in their windows. It is meant
// for streams, whose bundles hold an example or two, and for sliding and
// session windows. A bundle takes up to d longer, and in sliding and session
// windows every example does. By default batches do not reach over bundles,
// unless the handler asks for a GPU: then d is 5 ms.
func WithBatchDelay(d time.Duration) Option {
	return func(s *settings) { s.need(d > 0, "a batch delay of %v", d); s.Delay = d }
}

// WithModelCopies loads the model n times, and gives batches to the copies in
// turn, Python's model_copies. The default is 1.
func WithModelCopies(n int) Option {
	return func(s *settings) { s.need(n >= 1, "%d copies of the model", n); s.Copies = n }
}

// WithConcurrency lets n batches be in one copy of the model at once: for
// models that wait, say for a server. Python has no such option; there it is the
// number of threads that a worker has. The default is 1, as one batch of a
// model on the CPU uses all cores, or 2 if the handler asks for a GPU, so that
// what is done on the CPU for one batch does not keep the GPU waiting.
func WithConcurrency(n int) Option {
	return func(s *settings) { s.need(n >= 1, "a concurrency of %d", n); s.Concurrency = n }
}

// WithTimeout limits each call of the model's Infer, and the preparing of each
// example, to d, Python's timeout of with_exception_handling. The context of the
// call ends then, and the call fails with a [*TimeoutError]: a batch is run
// again one by one, and the examples that still take too long are failures.
//
// A call that does not return even after that, within another d but at least
// 100 ms and at most 2 s, hangs. Go cannot end it: its goroutine and its model
// stay until it returns. The model is not used again, the next batch loads it
// anew, and the old one is closed when the call returns. With four such calls
// at once bundles fail with a [*HungError]. Preparing that hangs loses its
// example alone: the model is used on, and closed only when it has returned. With
// 64 such calls at once bundles fail. By default there is no limit, and a bundle
// waits for a call for as long as it takes.
func WithTimeout(d time.Duration) Option {
	return func(s *settings) { s.need(d > 0, "a time-out of %v", d); s.Timeout = d }
}

// WithThreshold fails the job when more than the share r of the examples of a
// window failed, Python's threshold of with_exception_handling: 0.1 tolerates
// one in ten. Examples are counted for each window and pane of the input, and
// judged when the window ends. It is for [RunInferenceDLQ]. The default is 1:
// all may fail.
func WithThreshold(r float64) Option {
	return func(s *settings) { s.need(r >= 0 && r <= 1, "a threshold of %v", r); s.threshold = &r }
}

// WithNamespace sets the namespace of the metrics, Python's metrics_namespace.
// The default is [DefaultNamespace].
func WithNamespace(namespace string) Option {
	return func(s *settings) { s.need(namespace != "", "an empty namespace for metrics"); s.Namespace = namespace }
}

// WithModelID sets what [PredictionResult] calls the model, and which
// transforms of a process share it, Python's model_identifier: handlers of one
// type with the same ID share one model, whatever their fields, and with
// different IDs they do not. By default equal handlers share a model. Either way
// they share only if [WithModelCopies] and [WithConcurrency] are alike.
func WithModelID(id string) Option { return func(s *settings) { s.ModelID = id } }

// WithoutExample leaves the field Example of [PredictionResult] zero, for large
// examples that nobody needs any more. [Failure] keeps its example. By default
// results have their examples, and Python's always do.
func WithoutExample() Option { return func(s *settings) { s.NoExample = true } }

// WithModelWatch changes to the newest checkpoint that matches glob, Python's
// watch_model_pattern; it looks every interval, and [DefaultWatchInterval] is
// Python's. The newest is the last modified, or, on a filesystem that does not
// tell, the last by name. The handler's own checkpoint is used until a file
// matches. It must have a method
//
//	WithPath(path string) ModelHandler[E, P]
//
// that returns a copy for another checkpoint. The new model is loaded while the
// old one works, and takes the next batch; the old one is closed when its last
// batch is done. A file that does not load is tried three times until it is
// modified, and meanwhile the old model is kept. By default the handler's own
// checkpoint is used for as long as the process lives.
func WithModelWatch(glob string, interval time.Duration) Option {
	return func(s *settings) {
		s.need(glob != "" && interval > 0, "to watch %q every %v", glob, interval)
		s.WatchGlob, s.WatchInterval = glob, interval
	}
}

// WithModelUpdates takes checkpoints from a collection, Python's
// model_metadata_pcoll: a PCollection<string> of paths, in the windows of the
// input. Every example uses the path with the latest timestamp of its window,
// and the handler's own checkpoint if there is none, as everyone does by
// default. The handler needs a method WithPath as for [WithModelWatch]. Examples
// whose checkpoint does not load are failures at [StageLoad]. Two models stay
// loaded, or as many as [WithMaxModels] says.
func WithModelUpdates(paths beam.PCollection) Option {
	return func(s *settings) { s.updates, s.Updated = &paths, true }
}

// WithMaxModels limits how many models stay loaded in a process, Python's
// max_models_per_worker_hint: before another is loaded the one that was not used
// for longest is closed, after its batches are done. All transforms with
// a limit count together; models of those without are not counted. Examples are
// then prepared when their batch is run, and no earlier. By default models stay
// loaded until the process ends.
func WithMaxModels(n int) Option {
	return func(s *settings) { s.need(n >= 1, "at most %d models", n); s.MaxModels = n }
}

// WithModelBudget is [WithMaxModels] by memory, Python's use_model_manager: a
// limit in bytes on what the models say in their methods Bytes() int64. How
// large a model is is known once it was loaded, so the first time makes room
// afterwards, as soon as batches end. One model alone may be larger than the
// budget. By default there is no limit.
func WithModelBudget(bytes int64) Option {
	return func(s *settings) { s.need(bytes >= 1, "a budget of %d bytes", bytes); s.MaxBytes = bytes }
}

// need notes an error of an option.
func (s *settings) need(ok bool, format string, args ...any) {
	if !ok {
		s.errs = append(s.errs, fmt.Errorf(format+" cannot be", args...))
	}
}

// check returns what is wrong with the options, each by itself or together.
func (s *settings) check() error {
	if s.sized {
		s.need(s.MinBatch >= 1 && s.MaxBatch >= s.MinBatch,
			"a batch size from %d to %d (want 1 ≤ min ≤ max)", s.MinBatch, s.MaxBatch)
	}
	s.need(s.WatchGlob == "" || !s.Updated, "WithModelWatch and WithModelUpdates together")
	s.need(s.threshold == nil || !s.Strict, "WithThreshold without dead letters")
	return errors.Join(s.errs...)
}

// limited reports whether models may have to go to make room for others.
func (s *settings) limited() bool { return s.MaxModels > 0 || s.MaxBytes > 0 }

// seats returns how many batches of a model may be run at once.
func (s *settings) seats() int { return max(s.Copies, 1) * max(s.Concurrency, 1) }
