// Ensemble has several networks work together in an Apache Beam job, in the two ways there are. In sequence: a Mask
// R-CNN finds shapes in pictures, and what it has found is cut out, which is the postprocessing in between, for the
// next network. In parallel: the cuttings branch to two classifiers, and all three vote. From the root of the
// repository:
//
//	go run ./examples/ensemble
//
// With --remote=http://host:8000 one of the classifiers is on a server, KServe's or Triton's, say, and the others are
// here: a pipeline does not care what runs its models.
//
// It takes every flag of Beam's Go SDK, --runner among them. The classifiers in judge_a.pth and judge_b.pth were
// trained by train_judges.py.
package main
