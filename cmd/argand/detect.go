package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newDetect(stdout, stderr io.Writer) *cobra.Command {
	d := &detect{stdout: stdout, stderr: stderr, taken: make(map[string]bool)}
	cmd := &cobra.Command{
		Use:   "detect FILES...",
		Short: "Find the objects in pictures",
		Long: "Detect prints a table of the objects it finds and writes a copy of each picture with boxes, names, scores\n" +
			"and coloured masks: NAME.overlay.png beside the picture, or in the directory given by --output. Overlays among\n" +
			"FILES are left out if their pictures are there too.\n\n" +
			"With --json it prints a line for each picture instead, its masks as COCO run lengths, and writes copies only\n" +
			"if --output is given. A picture that fails does not stop the others; the exit status tells of it.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("detect takes at least one picture file")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), args) },
	}
	d.detectorNetwork.addTo(cmd)
	cmd.Flags().StringVar(&d.output, "output", "", "`DIR` for the overlay pictures")
	cmd.Flags().BoolVar(&d.json, "json", false, "print JSON lines instead of a table")
	cmd.Flags().BoolVar(&d.profile, "profile", false, "tell on stderr which operators took the time")
	return cmd
}

// detect is the command of that name.
type detect struct {
	detectorNetwork
	output         string
	json, profile  bool
	stdout, stderr io.Writer

	detector *vision.Detector
	progress *progress
	taken    map[string]bool // overlays written so far
	rows     []row
	failed   int
}

func (d *detect) run(ctx context.Context, args []string) error {
	if err := d.settle(); err != nil {
		return err
	}
	files, err := expand(args)
	if err != nil {
		return err
	}
	var profile *op.Profile
	if d.profile {
		profile = new(op.Profile)
	}
	on, err := d.device.open(d.stderr)
	if err != nil {
		return err
	}
	defer on.Close()
	if d.detector, err = d.load(ctx, on.Backend, profile); err != nil {
		return err
	}
	defer d.detector.Close()
	d.progress = newProgress(d.stderr, len(files))
	for i, file := range files {
		d.progress.set(i)
		found, err := d.one(ctx, file)
		if ctx.Err() != nil {
			break
		}
		if err := d.tell(file, found, err); err != nil {
			return err
		}
	}
	d.progress.clear()
	if len(d.rows) > 0 {
		if err := writeTable(d.stdout, d.rows); err != nil {
			return err
		}
	}
	if profile != nil {
		if err := profile.WriteOps(d.stderr); err != nil {
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case d.failed > 0 && len(files) > 1:
		return fmt.Errorf("%d of %d pictures failed", d.failed, len(files))
	case d.failed > 0:
		return errReported
	}
	return nil
}

// one looks for objects in one file, and writes its overlay.
func (d *detect) one(ctx context.Context, file string) (*vision.Detections, error) {
	data, err := readFile(ctx, file)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			err = p.Err // without the name, which is told beside it
		}
		return nil, err
	}
	img, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		return nil, err
	}
	found, err := d.detector.Detect(ctx, img)
	if err != nil {
		return nil, err
	}
	if d.json && d.output == "" {
		return found, nil
	}
	return found, writePNG(d.overlay(file), picture.Overlay(img, found.Instances()))
}

// readFile reads a file, but no longer than ctx lasts: it may be a pipe, and nobody may write to it.
func readFile(ctx context.Context, path string) ([]byte, error) {
	type content struct {
		data []byte
		err  error
	}
	done := make(chan content, 1)
	go func() {
		data, err := os.ReadFile(path)
		done <- content{data, err}
	}()
	select {
	case c := <-done:
		return c.data, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// overlay returns the path of the overlay for a file, one that no other file of this run has.
func (d *detect) overlay(file string) string {
	if d.output == "" {
		return overlayName(file)
	}
	base := filepath.Base(file)
	path := filepath.Join(d.output, overlayName(base))
	for i := 2; d.taken[path]; i++ {
		ext := filepath.Ext(base)
		path = filepath.Join(d.output, overlayName(fmt.Sprintf("%s-%d%s", strings.TrimSuffix(base, ext), i, ext)))
	}
	d.taken[path] = true
	return path
}

// tell prints what was found in a file, or keeps it for the table, or prints why the file failed.
func (d *detect) tell(file string, found *vision.Detections, failed error) error {
	if failed != nil {
		d.failed++
	}
	switch {
	case d.json && failed != nil:
		return d.line(failure{file, oneLine(failed.Error())})
	case d.json:
		return d.line(result{file, found.Report()})
	case failed != nil:
		d.progress.clear()
		fmt.Fprintf(d.stderr, "argand: %s: %s\n", printable(file), oneLine(failed.Error()))
		return nil
	}
	for i, box := range found.Boxes {
		r := row{file: file, found: true, name: found.Names[i], score: float64(found.Scores[i]), area: -1}
		for j, v := range box {
			r.box[j] = float64(v)
		}
		if i < len(found.Masks) {
			r.area = found.Masks[i].Area(vision.MaskThreshold)
		}
		d.rows = append(d.rows, r)
	}
	if len(found.Boxes) == 0 {
		d.rows = append(d.rows, row{file: file})
	}
	return nil
}

// line prints one JSON line. The bar would stand in its way if both go to one terminal.
func (d *detect) line(v any) error {
	if isTerminal(d.stdout) {
		d.progress.clear()
	}
	return json.NewEncoder(d.stdout).Encode(v)
}

// expand replaces patterns by the files that match them, for shells that do not. A name that exists is no pattern.
func expand(args []string) ([]string, error) {
	var files []string
	for _, a := range args {
		if _, err := os.Lstat(a); err == nil || !strings.ContainsAny(a, "*?[") {
			files = append(files, a)
			continue
		}
		matches, err := filepath.Glob(a)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("%s: no file matches", a)
		}
		files = append(files, matches...)
	}
	return withoutOverlays(files), nil
}

// withoutOverlays returns files without the overlays of others among them: *.png matches those of an earlier run.
func withoutOverlays(files []string) []string {
	there := make(map[string]bool, len(files))
	for _, f := range files {
		there[f] = true
	}
	return slices.DeleteFunc(slices.Clone(files), func(f string) bool {
		name, ok := strings.CutSuffix(f, ".overlay.png")
		return ok && (there[name+".png"] || there[name])
	})
}
