// Package beamio runs models inside Apache Beam pipelines: RunInference for
// Beam's Go SDK, after the transform of the same name in its Python SDK.
//
// A pipeline registers the kind of handler it uses and applies it:
//
//	func init() { beamio.Register(&beamio.Detector{}) }
//
//	pictures := beamio.MatchImages(s, "gs://bucket/photos/*.jpg")
//	found, failed := beamio.RunInferenceDLQ(s, &beamio.Detector{Model: "gs://bucket/maskrcnn.pth"}, pictures)
//	beamio.WriteJSONL(s, "out/detections.jsonl", beamio.Rows(s, found)) // or ClassRows, SegmentRows
//	beamio.WriteJSONL(s, "out/failures.jsonl", beamio.FailureRows(s, failed))
//	beamio.WriteOverlays(s, beamio.Overlays{Dir: "out", Root: "gs://bucket/photos/"}, found)
//
// [ModelHandler] is a recipe: a struct of plain fields that travels to the
// workers as JSON and loads a [Model] there. [RunInference] is typed in what
// goes in and what comes out; its input may be keyed, and keys then pass
// through. All bundles and all transforms of a process that have equal
// handlers share one model.
//
// Reading, decoding, preprocessing, inference and postprocessing are one stage
// ([Steps] says how a model divides its work). Only names, compressed bytes
// and results cross stages: a runner would encode every pixel otherwise. An
// example that fails never takes its batch along: it becomes a [Failure], and
// the others are run without it.
//
// # How it is built
//
// Read handler.go first, the contract; then runinference.go, how a pipeline is
// put together; bundle.go and lane.go, what a worker does with a bundle, and
// batch.go, call.go and gather.go, with a batch; registry.go, how models are
// shared, and recipe.go, what they are called; routes.go, perkey.go, updates.go
// and watch.go, which model an example goes to; then the handlers, detector.go,
// classifier.go, segmenter.go, torch.go and linear.go. Results become rows in rows.go and
// deadletters.go; the sinks are in shards.go, jsonl.go and overlays.go, and in the
// packages parquet and bigquery below this one, which bring dependencies that not
// every program wants. What is counted is in metrics.go and histograms.go, and
// stats.go reads it.
//
// Six facts about Beam's Go SDK decide the shape of the code. Models are loaded
// by the first element and not in Setup, because prism never splits a bundle
// whose Setup was slow. Parallel work happens inside a bundle, because prism
// runs quick elements serially. Results leave through emitters that take a
// timestamp, and non-global windows are taken off and put back around the
// stage, because FinishBundle emits into the global window at time zero.
// Metrics are touched on the bundle's own goroutine, and never in Setup, where
// they would replace the bundle's own values. Nothing relies on Teardown,
// which portable runners do not call. Everything generic is a struct, because
// all instances of a generic function share one name.
//
// # Registration
//
// Beam workers know types by name, so handlers are registered in init
// functions or at least before beam.Init. This, Beam's registry of types, and
// the registry of loaded models, with the batches that bundles gather and the
// files that are watched, are the package's only global state.
package beamio
