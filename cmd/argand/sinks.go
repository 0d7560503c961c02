package main

import (
	"io/fs"
	"os"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/beamio/bigquery"
	"github.com/argand-go/argand/beamio/parquet"
)

// failuresFile is the file of the failures, whatever the format of detections.
const failuresFile = "failures.jsonl"

// detectionsFile is the file of the detections, or what its shards are called after.
func (j *jobFlags) detectionsFile() string { return "detections." + j.format }

// write adds to a job what writes rows.
func (j *jobFlags) write(s beam.Scope, rows, failures beam.PCollection) {
	if j.table != "" {
		bigquery.Write(s.Scope("Detections"), j.table, rows)
		bigquery.Write(s.Scope("Failures"), j.table+"_failures", failures)
		return
	}
	var opts []beamio.SinkOption
	if j.unsorted {
		opts = append(opts, beamio.Unsorted())
	}
	beamio.WriteJSONL(s.Scope("Failures"), joinPath(j.output, failuresFile), failures, opts...)
	to := beamio.WriteJSONL
	if j.format == formatParquet {
		to = parquet.Write
	}
	to(s.Scope("Detections"), joinPath(j.output, j.detectionsFile()), rows, append(opts, beamio.WithShards(j.shards))...)
}

// detectionFiles returns the files that the job writes its detections to.
func (j *jobFlags) detectionFiles() []string {
	return beamio.NewShards(joinPath(j.output, j.detectionsFile()), beamio.WithShards(j.shards)).Paths()
}

// noteEarlier notes the files of rows that are there before the job is.
func (j *jobFlags) noteEarlier() {
	j.earlier = map[string]fs.FileInfo{}
	if j.table != "" || isRemote(j.output) {
		return
	}
	for _, path := range append(j.detectionFiles(), joinPath(j.output, failuresFile)) {
		if info, err := os.Stat(path); err == nil {
			j.earlier[path] = info
		}
	}
}

// unchanged returns a file that noteEarlier saw and that is the same still: the job's own are on another machine.
func (j *jobFlags) unchanged() (path string, ok bool) {
	for path, before := range j.earlier {
		now, err := os.Stat(path)
		if err == nil && os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) {
			return path, true
		}
	}
	return "", false
}

// detections returns where the detections are, for people.
func (j *jobFlags) detections() string {
	if j.shards > 1 {
		return joinPath(j.output, "detections-*."+j.format)
	}
	return joinPath(j.output, j.detectionsFile())
}

// results returns where the results are, for people.
func (j *jobFlags) results() string {
	switch {
	case j.table == "":
		return j.output
	case j.noOverlays:
		return j.table
	}
	return j.table + " and " + j.output
}
