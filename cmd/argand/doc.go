// Argand finds things in pictures with networks trained in PyTorch, without Python.
//
// It has six commands. "argand pipeline" runs a network over many pictures as an Apache Beam job on any of Beam's
// runners; with no arguments it shows itself on an embedded network and three pictures. "argand detect" does the same
// for a few files, without Beam. "argand inspect" lists the tensors of a checkpoint,
// "argand convert" writes them in another format, "argand bench" measures how fast a network runs, layer by layer, and
// "argand devices" shows what it can run on.
//
// A runner starts its workers as this same program with Beam's worker flags and no command; worker.go sees to that
// before any command line is parsed. The files, in the order in which to read them:
//
//   - main.go, worker.go, version.go: the process;
//   - root.go, detect.go, inspect.go, pipeline.go, pipelineflags.go, beamflags.go, precheck.go, list.go: the commands,
//     their flags, and what is looked at before a job;
//   - inspecttable.go, inspectstats.go, convert.go, convertloss.go: what is told of a checkpoint, how it is written
//     anew, and what of it is lost then;
//   - bench.go, benchsubject.go, benchreport.go, benchflame.go: the command that measures;
//   - network.go, device.go: which network is loaded, how, and where it runs;
//   - overlays.go, sinks.go, follow.go, beamlog.go: the parts of the Beam job that draw and write, how far it is, and
//     what is shown of Beam's log;
//   - result.go, table.go, readrows.go, summary.go, figures.go, progress.go, paths.go, outfile.go: what is printed and
//     written.
package main
