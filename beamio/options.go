package beamio

// DefaultNamespace is the namespace of the metrics for lack of [WithNamespace].
const DefaultNamespace = "BeamML_Argand"

// settings are what a DoFn is told, besides its handler.
type settings struct {
	MinBatch, MaxBatch int
	Namespace, ModelID string
	Strict             bool // a failing example fails the bundle: there is no second output
	Alone              bool // every example leaves before the next arrives; see window.go
}

// An Option changes how [RunInference] works.
type Option func(*settings)

// WithBatchSize sets how many examples the model gets at once: Python's
// min_batch_size and max_batch_size. Between the two, the size is chosen so
// that what a batch costs by itself is about 5 % of its time and that it takes
// at most 10 seconds, from measurements of the model. The last batch of a
// bundle may be smaller than low. The default is the handler's
// PreferredBatch, or 1 and 1024.
func WithBatchSize(low, high int) Option {
	return func(s *settings) { s.MinBatch, s.MaxBatch = low, high }
}

// WithNamespace sets the namespace of the metrics, Python's metrics_namespace.
// The default is [DefaultNamespace].
func WithNamespace(namespace string) Option { return func(s *settings) { s.Namespace = namespace } }

// WithModelID sets what [PredictionResult] calls the model, and which
// transforms of a process share it, Python's model_identifier: handlers of one
// type with the same ID share one model, whatever their fields, and with
// different IDs they do not. By default equal handlers share a model.
func WithModelID(id string) Option { return func(s *settings) { s.ModelID = id } }
