package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/argand-go/argand/beamio"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// jobFlags are the flags that only pipeline has, but for Beam's.
type jobFlags struct {
	input, list, output string
	format, table       string
	shards              int
	unsorted            bool
	noOverlays          bool

	batchSize       string
	lowest, highest int // what batchSize means; 0 for the handler's own
	batchDelay      time.Duration
	timeout         time.Duration
	threshold       float64
	watch           string
	watchInterval   time.Duration

	summary        string
	quiet, verbose bool
	beamFlags      bool

	given   *pflag.FlagSet         // tells which were given
	earlier map[string]fs.FileInfo // files of rows of an earlier job, by path
}

// addTo adds the flags to a command.
func (j *jobFlags) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	j.given = f
	f.StringVar(&j.input, "input", "", "`GLOB` of pictures, in any of Beam's file systems (default: embedded pictures)")
	f.StringVar(&j.list, "list", "", "text `FILE` with the name of a picture on each line, in any of Beam's file "+
		"systems, or -\nfor standard input: in the place of --input, and much quicker for very many")
	f.StringVar(&j.output, "output", "argand-out", "`DIR` for all that is written, in any of Beam's file systems")
	f.StringVar(&j.format, "format", formatJSONL, "`FORMAT` of the file of detections: jsonl or parquet")
	f.StringVar(&j.table, "table", "", "insert detections into BigQuery's table `P.D.T`, for project, dataset and "+
		"table, and\nfailures into P.D.T_failures, instead of writing files")
	f.IntVar(&j.shards, "shards", 1, "write detections to `N` files at once, on as many workers")
	f.BoolVar(&j.unsorted, "unsorted", false, "write rows as they come, and hold none of them in memory for sorting")
	f.BoolVar(&j.noOverlays, "no-overlays", false, "draw no overlay pictures")
	f.StringVar(&j.batchSize, "batch-size", "", "give the network `SIZE` pictures at once: a number, or MIN-MAX for "+
		"as many as\nmeasurements suggest (default: 1, or 1-8 for a GPU)")
	f.DurationVar(&j.batchDelay, "batch-delay", 0, "gather batches from all bundles of a worker for up to `D`, such as "+
		"50ms; 0 is not at\nall, or 5ms for a GPU")
	f.DurationVar(&j.timeout, "timeout", 0, "give up a picture that takes longer than `D`, such as 30s; 0 is never")
	f.Float64Var(&j.threshold, "threshold", 1, "fail the job if more than the share `R` of the pictures fail, 0 to 1")
	f.StringVar(&j.watch, "watch", "", "change to the newest checkpoint that matches `GLOB` while the job runs")
	f.DurationVar(&j.watchInterval, "watch-interval", beamio.DefaultWatchInterval, "look for one every `D`")
	f.StringVar(&j.summary, "summary", "", "write the figures of the summary as JSON to `FILE`, in any of Beam's file "+
		"systems")
	f.BoolVar(&j.quiet, "quiet", false, "show no progress")
	f.BoolVar(&j.verbose, "verbose", false, "show what the runner logs, and not only its warnings")
	f.BoolVar(&j.beamFlags, "beam-flags", false, "list Beam's flags and exit")
}

// check returns an error for flags that make no sense.
func (j *jobFlags) check() error {
	for _, name := range []string{"list", "watch", "summary", "table"} {
		if f := j.given.Lookup(name); f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s is empty; leave it out for its default", name)
		}
	}
	var err error
	if j.given.Changed("batch-size") {
		if j.lowest, j.highest, err = parseBatchSize(j.batchSize); err != nil {
			return err
		}
	}
	switch {
	case j.input != "" && j.list != "":
		return errors.New("--input and --list together: give one of them")
	case j.format != formatJSONL && j.format != formatParquet:
		return fmt.Errorf("--format %q: want jsonl or parquet", j.format)
	case j.table != "" && !tableName.MatchString(j.table):
		return fmt.Errorf("--table %q: want PROJECT.DATASET.TABLE", j.table)
	case j.table != "" && (j.given.Changed("format") || j.given.Changed("shards") || j.unsorted):
		return errors.New("--format, --shards and --unsorted are of files, and with --table there are none")
	case j.shards < 1 || j.shards > maxShards:
		return fmt.Errorf("--shards %d: want 1 to %d", j.shards, maxShards)
	case j.batchDelay < 0:
		return fmt.Errorf("--batch-delay %v: want a time that is not negative", j.batchDelay)
	case j.timeout < 0:
		return fmt.Errorf("--timeout %v: want a time that is not negative", j.timeout)
	case !(j.threshold >= 0 && j.threshold <= 1):
		return fmt.Errorf("--threshold %v: want a number from 0 to 1", j.threshold)
	case j.watchInterval <= 0:
		return fmt.Errorf("--watch-interval %v: want a time above 0", j.watchInterval)
	case j.watch == "" && j.given.Changed("watch-interval"):
		return errors.New("--watch-interval without --watch")
	case j.watch != "" && j.given.Changed("sha256"):
		return errors.New("--sha256 with --watch: no other checkpoint has that checksum")
	}
	return nil
}

// The formats of --format.
const (
	formatJSONL   = "jsonl"
	formatParquet = "parquet"
)

// tableName is what BigQuery's tables may be called. A project of a domain has a colon.
var tableName = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z][a-z0-9-]*\.[A-Za-z0-9_]+\.[\p{L}\p{N}\p{M}_-]+$`)

// maxShards is as many as beamio.WithShards allows.
const maxShards = 100_000

// parseBatchSize reads "8" or "4-16".
func parseBatchSize(s string) (lowest, highest int, err error) {
	low, high, ranged := strings.Cut(s, "-")
	if !ranged {
		high = low
	}
	lowest, err = strconv.Atoi(low)
	if err == nil {
		highest, err = strconv.Atoi(high)
	}
	if err != nil || lowest < 1 || highest < lowest {
		return 0, 0, fmt.Errorf("--batch-size %q: want a number from 1, or two with - between, the smaller first", s)
	}
	return lowest, highest, nil
}

// options returns what the flags mean for beamio.
func (j *jobFlags) options() []beamio.Option {
	opts := []beamio.Option{beamio.WithHistograms()}
	if j.highest > 0 {
		opts = append(opts, beamio.WithBatchSize(j.lowest, j.highest))
	}
	if j.batchDelay > 0 {
		opts = append(opts, beamio.WithBatchDelay(j.batchDelay))
	}
	if j.timeout > 0 {
		opts = append(opts, beamio.WithTimeout(j.timeout))
	}
	if j.threshold < 1 {
		opts = append(opts, beamio.WithThreshold(j.threshold))
	}
	if j.watch != "" {
		opts = append(opts, beamio.WithModelWatch(j.watch, j.watchInterval))
	}
	return opts
}
