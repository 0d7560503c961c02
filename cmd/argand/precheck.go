package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/nn/vision"
)

// checkNetwork looks at the checkpoint and the file of names, and returns the path of a file of names as workers read
// it, or "" for the network's own names. A checkpoint that is elsewhere is looked for and not opened: it may be large,
// and it is the workers who need it.
func (p *pipeline) checkNetwork(ctx context.Context, scratch string) (labels string, err error) {
	var arch vision.Architecture
	if isRemote(p.model) {
		_, err = p.reached(ctx, p.model)
	} else if _, arch, err = p.checkpoint(ctx); err == nil {
		err = checkTask(p.model, arch, vision.Detection)
	}
	if err != nil {
		return "", err
	}
	if file := p.sidecarFile(); isRemote(file) {
		_, err = p.reached(ctx, file)
	} else {
		_, err = p.sidecarOptions(ctx)
	}
	if err != nil {
		return "", err
	}
	if isRemote(p.labels) {
		if there, err := p.reached(ctx, p.labels); err != nil || !there {
			return p.labels, err
		}
	}
	names, err := p.names(ctx)
	if err != nil || names == nil {
		return "", err
	}
	names = beamio.AddBackground(names, arch.Classes)
	if arch.Classes > 0 && len(names) != arch.Classes {
		return "", fmt.Errorf("%s: %d names, the network has %d classes", p.labels, len(names), arch.Classes)
	}
	if isRemote(p.labels) {
		return p.labels, nil
	}
	data, err := json.Marshal(names) // lines would lose empty names at the end
	if err != nil {
		return "", err
	}
	labels = filepath.Join(scratch, "labels.json")
	return labels, os.WriteFile(labels, data, 0o644)
}

// checkInput looks for the pictures of the pattern.
func (j *job) checkInput(ctx context.Context) error {
	j.root = globRoot(j.glob)
	if isRemote(j.glob) {
		return nil // there may be very many
	}
	if info, err := os.Stat(j.glob); err == nil && info.IsDir() {
		return fmt.Errorf("--input %s: a directory; the files in it are %s", j.glob, joinPath(j.glob, "*"))
	}
	files, err := matchFiles(ctx, j.glob)
	j.total = len(files)
	return err
}

// checkOutput returns an error if what the job writes at its end cannot be written on this machine: it would be a pity
// for all that was computed until then.
func (p *pipeline) checkOutput() error {
	if !awaited() {
		return nil
	}
	writesHere := (runsHere() || jobopts.IsLoopback()) && (p.table == "" || !p.noOverlays)
	if writesHere && !isRemote(p.output) {
		if err := writable(p.output); err != nil {
			return fmt.Errorf("--output %s: %w", p.output, err)
		}
	}
	if p.summary == "" || isRemote(p.summary) {
		return nil
	}
	err := writable(filepath.Dir(p.summary))
	if info, e := os.Stat(p.summary); e == nil && info.IsDir() {
		err = errors.New("a directory; want a file")
	}
	if err != nil {
		return fmt.Errorf("--summary %s: %w", p.summary, err)
	}
	return nil
}

// writable returns an error if no file can be made in a directory, which need not be there yet.
func writable(dir string) error {
	for {
		info, err := os.Stat(dir)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is a file; want a directory", dir)
		}
		if err == nil {
			break
		}
		above := filepath.Dir(dir)
		if above == dir {
			return err
		}
		dir = above
	}
	tried, err := os.MkdirTemp(dir, ".argand-")
	if err != nil {
		return fmt.Errorf("cannot write into %s: %w", dir, errors.Unwrap(err))
	}
	return os.Remove(tried)
}

// checkWatch returns an error if checkpoints cannot be watched for.
func (p *pipeline) checkWatch(ctx context.Context) error {
	if p.watch == "" {
		return nil
	}
	if _, err := beamio.FileSystem(ctx, p.watch); err != nil {
		return fmt.Errorf("--watch %s: %w", p.watch, err)
	}
	if _, err := path.Match(filepath.ToSlash(p.watch), ""); err != nil {
		return fmt.Errorf("--watch %s: %w", p.watch, err)
	}
	return nil
}

// reached reports whether a file that is elsewhere was seen. It returns an error for one that is known not to be there;
// of any other that this machine cannot see it only warns, since workers may.
func (p *pipeline) reached(ctx context.Context, path string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	files, err := beamio.FileSystem(ctx, path)
	if err == nil {
		if _, err = files.Size(ctx, path); err == nil {
			return true, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(ctx.Err(), context.Canceled) {
			_, err = fmt.Fprintf(p.stderr, "argand: warning: cannot look at %s: %s\n", path, oneLine(err.Error()))
			return false, err
		}
	}
	return false, fmt.Errorf("%s: %w", path, err)
}

// answers returns an error if nobody answers for a file that is elsewhere. What else is wrong with it is told by
// opening it, which has no end of its own if nobody answers.
func answers(ctx context.Context, path string, wait time.Duration) error {
	if !isRemote(path) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	files, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return nil
	}
	if _, err = files.Size(ctx, path); errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%s: no answer in %v: %w", path, wait, err)
	}
	return nil
}

// reachTime is how long a cloud's answer is waited for; its client would try for ever.
const reachTime = 20 * time.Second

// dropHalves removes what a job that failed since a time has left behind of files that it was about to write. A worker
// may be at it still; it will find its file gone.
func (p *pipeline) dropHalves(since time.Time) {
	if isRemote(p.output) {
		return // an object that was not closed is not there
	}
	_ = filepath.WalkDir(p.output, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !isHalf(e.Name()) {
			return nil // what cannot be read is not ours
		}
		if info, err := e.Info(); err == nil && !info.ModTime().Before(since.Truncate(time.Second)) {
			_ = os.Remove(path)
		}
		return nil
	})
}

// isHalf reports whether a file was about to become one that a job writes, by its name.
func isHalf(base string) bool {
	name, _, half := strings.Cut(base, ".tmp-")
	return half && (isResult(name) || strings.HasSuffix(name, ".overlay.png"))
}
