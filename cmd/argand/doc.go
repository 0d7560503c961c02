// Argand finds things in pictures with networks trained in PyTorch, without Python.
//
// "argand detect", "argand classify" and "argand segment" run a network over files, directories and animations, one
// for each task; "argand models" lists what they can run. "argand pipeline" finds objects in many pictures as an
// Apache Beam job on any of Beam's runners; with no arguments it shows itself on an embedded network and three
// pictures. "argand inspect" lists the tensors of a checkpoint and "argand convert" writes them in another format.
// "argand compare" holds a network against PyTorch's results, "argand bench" measures how fast it runs, layer by
// layer, and "argand devices" shows what it can run on. "argand completion" and "argand man" are for shells and
// manuals.
//
// A runner starts its workers as this same program with Beam's worker flags and no command; worker.go sees to that
// before any command line is parsed. The files, in the order in which to read them:
//
//   - main.go, worker.go, version.go: the process, and what its exit status means;
//   - root.go, complete.go, man.go, models.go: all commands, what shells and manuals are told of them, and of networks;
//   - network.go, detectornetwork.go, device.go: which network is loaded, how, and where it runs;
//   - views.go, look.go, told.go, detect.go, classify.go, segment.go: the commands that look at files: how pictures are
//     decoded ahead, shown to the network, and told of in order;
//   - pipeline.go, pipelineflags.go, beamflags.go, precheck.go, list.go: the Beam job, its flags, and what is looked at
//     before it;
//   - overlays.go, sinks.go, follow.go, beamlog.go: the parts of the Beam job that draw and write, how far it is, and
//     what is shown of Beam's log;
//   - inspect.go, inspecttable.go, inspectstats.go, convert.go, convertloss.go: what is told of a checkpoint, how it is
//     written anew, and what of it is lost then;
//   - compare.go and its kin, bench.go, benchsubject.go, benchreport.go, benchflame.go: the commands that compare and
//     measure;
//   - table.go, readrows.go, summary.go, figures.go, progress.go, paths.go, outfile.go: what is printed and written.
package main
