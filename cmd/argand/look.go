package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

// A look is a run of a network over files: what detect, classify and segment share.
type look struct {
	list           string
	orientation    string
	overlay, coco  string // coco is detect's
	maps           string // segment's
	json, jsonl    bool
	profile        bool
	stdout, stderr io.Writer

	ops      *op.Profile // nil without --profile
	taken    map[string]bool
	told     *told
	progress *progress
}

// A seer is a loaded network and how what it says is shown.
type seer interface {
	// ask returns what the network says of each picture.
	ask(ctx context.Context, imgs []image.Image) ([]sight, error)
	// header has the names of the table's columns behind that of the file.
	header() string
	close() error
}

// A sight is what a network says of a picture.
type sight interface {
	record(of source) any // for JSON
	rows() []string       // of the table, its columns separated by tabs
	draw(v *view) image.Image
}

// A source is what a record is of, for JSON.
type source struct {
	File  string `json:"file"`            // as given, - for standard input
	Frame *int   `json:"frame,omitempty"` // of an animation, from 0
}

// A failure is a picture that could not be done, for JSON.
type failure struct {
	source
	Error string `json:"error"`
}

// addTo adds the flags to a command.
func (l *look) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.list, "list", "", "also look at the files whose names are in the text `FILE`, one a line, or - for "+
		"standard input")
	f.StringVar(&l.orientation, "orientation", "apply", "`WHAT` to do about a camera's note of how it was held: "+
		"apply it,\nor ignore it as torchvision does")
	f.StringVar(&l.overlay, "overlay", "", "draw what is found on a copy of each picture, NAME.overlay.png in `DIR`")
	f.BoolVar(&l.json, "json", false, "print a JSON array, an object for each picture, instead of a table")
	f.BoolVar(&l.jsonl, "jsonl", false, "print JSON lines, one for each picture, instead of a table")
	f.BoolVar(&l.profile, "profile", false, "tell on stderr which operators took the time")
}

// args checks that there is something to look at.
func (l *look) args(cmd *cobra.Command, args []string) error {
	if len(args) == 0 && l.list == "" {
		return fmt.Errorf("%s takes at least one picture file, directory, or - for standard input", cmd.Name())
	}
	return nil
}

// decoding returns how pictures are decoded.
func (l *look) decoding() (picture.DecodeOptions, error) {
	switch l.orientation {
	case "apply":
		return picture.DecodeOptions{Orientation: picture.ApplyOrientation}, nil
	case "ignore":
		return picture.DecodeOptions{}, nil
	}
	return picture.DecodeOptions{}, misused(fmt.Errorf("--orientation %q: want apply or ignore", l.orientation))
}

// A loader loads the network of a command.
type loader func(ctx context.Context, b op.Backend, opts ...vision.Option) (seer, error)

// together is how many pictures a GPU is given at once.
const together = 8

// run looks at all files with the network that load loads on a device.
func (l *look) run(ctx context.Context, args []string, device *deviceFlags, load loader) (err error) {
	if l.json && l.jsonl {
		return misused(errors.New("--json and --jsonl together: give one of them"))
	}
	decoding, err := l.decoding()
	if err != nil {
		return err
	}
	files, err := l.files(ctx, args)
	if err != nil {
		return err
	}
	if err := l.spare(files); err != nil {
		return misused(err)
	}
	on, err := device.open(l.stderr)
	if err != nil {
		return err
	}
	defer on.Close()
	var opts []vision.Option
	if l.profile {
		l.ops = new(op.Profile)
		opts = append(opts, vision.WithProfile(l.ops))
	}
	network, err := load(ctx, on.Backend, opts...)
	if err != nil {
		return err
	}
	defer network.close()
	most := 1 // one picture keeps all cores busy
	if on.IsGPU() {
		most = together
	}
	l.taken = make(map[string]bool)
	l.progress = newProgress(l.stderr, len(files))
	if l.told, err = l.newTold(files, network.header()); err != nil {
		return err
	}
	defer l.told.drop()
	goroutines := min(runtime.GOMAXPROCS(0), 16)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	views := ahead(ctx, files, decoding, goroutines, most)
	for s := range inOrder(goroutines, l.seen(ctx, network, batches(views, most))) {
		if ctx.Err() != nil {
			break
		}
		if err := l.told.tell(s); err != nil {
			cancel() // nobody waits for what may never come from a pipe
			return err
		}
		l.progress.set(s.view.input + 1)
	}
	l.progress.clear()
	return l.end(ctx)
}

// files returns what is to be looked at.
func (l *look) files(ctx context.Context, args []string) ([]input, error) {
	if l.list != "" {
		names, err := namesIn(ctx, l.list)
		if err != nil {
			return nil, err
		}
		if l.list == stdin {
			for _, name := range append(names, args...) {
				if name == stdin {
					return nil, misused(errors.New("- is given twice: standard input can be read once"))
				}
			}
		}
		args = append(args[:len(args):len(args)], names...)
	}
	return inputs(args)
}

// spare returns an error if a picture that is looked at would be replaced by its map.
func (l *look) spare(files []input) error {
	if l.maps == "" {
		return nil
	}
	for _, f := range files {
		there, err := os.Stat(filepath.Join(l.maps, mapName(filepath.Base(f.path))))
		if err != nil {
			continue // it is new
		}
		if given, err := os.Stat(f.path); err == nil && os.SameFile(there, given) {
			return fmt.Errorf("--maps %s: the map would replace the picture %s; give another directory", l.maps, f.path)
		}
	}
	return nil
}

// end prints what comes at the end.
func (l *look) end(ctx context.Context) error {
	if err := l.told.close(ctx.Err() == nil); err != nil {
		return err
	}
	if l.ops != nil {
		if err := l.ops.WriteOps(l.stderr); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return l.told.failures()
}

// A seen is a view with what the network says of it.
type seen struct {
	view
	sight  sight
	record any // for JSON, or nil
	err    error
}

// seen asks the network, batch after batch, and yields jobs that put the answers into their forms.
func (l *look) seen(ctx context.Context, network seer, batches iter.Seq[[]view]) iter.Seq[func() seen] {
	return func(yield func(func() seen) bool) {
		for batch := range batches {
			for _, s := range answered(ctx, network, batch) {
				overlay, classes := l.paths(&s)
				if !yield(func() seen { return l.form(s, overlay, classes) }) {
					return
				}
			}
		}
	}
}

// answered asks the network about a batch. If it refuses the batch it is asked about each picture alone.
func answered(ctx context.Context, network seer, batch []view) []seen {
	all := make([]seen, len(batch))
	var imgs []image.Image
	var of []*seen
	for i, v := range batch {
		all[i] = seen{view: v, err: v.err}
		if v.err == nil {
			imgs, of = append(imgs, v.img), append(of, &all[i])
		}
	}
	if len(imgs) == 0 {
		return all
	}
	sights, err := network.ask(ctx, imgs)
	for i, s := range of {
		switch {
		case err == nil:
			s.sight = sights[i]
		case len(imgs) == 1:
			s.err = err
		default:
			alone, err := network.ask(ctx, imgs[i:i+1])
			if s.err = err; err == nil {
				s.sight = alone[0]
			}
		}
	}
	return all
}

// form puts what the network says into the forms that are asked for, at these paths unless they are empty.
func (l *look) form(s seen, overlay, classes string) seen {
	if c, ok := s.sight.(classified); ok && s.err == nil {
		s.err = c.check()
	}
	if s.err == nil && (l.json || l.jsonl) {
		s.record = s.sight.record(s.source())
	}
	if s.err == nil && overlay != "" {
		s.err = writePNG(overlay, s.sight.draw(&s.view))
	}
	if m, ok := s.sight.(segmented); ok && s.err == nil && classes != "" {
		s.err = writePNG(classes, m.Map().Paletted(nil))
	}
	s.img = nil
	return s
}

// paths returns where what is drawn of a view goes, or "".
func (l *look) paths(s *seen) (overlay, classes string) {
	if s.err == nil && l.overlay != "" {
		overlay = l.path(l.overlay, overlayName(s.base()))
	}
	if s.err == nil && l.maps != "" {
		classes = l.path(l.maps, mapName(s.base()))
	}
	return overlay, classes
}

// mapName returns the name of the map for a picture's name.
func mapName(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) + ".png" }

// source returns what JSON says of a view.
func (v *view) source() source {
	s := source{File: v.name}
	if v.frame >= 0 {
		s.Frame = &v.frame
	}
	return s
}

// path returns the path of a file in a directory, one that no other file of this run has.
func (l *look) path(dir, base string) string {
	path := filepath.Join(dir, base)
	stem, end, _ := strings.Cut(base, ".")
	for i := 2; l.taken[path]; i++ {
		path = filepath.Join(dir, fmt.Sprintf("%s-%d.%s", stem, i, end))
	}
	l.taken[path] = true
	return path
}

// partial is the error of a run of which some pictures failed and others did not.
type partial struct{ failed, all int }

func (e *partial) Error() string { return fmt.Sprintf("%d of %d pictures failed", e.failed, e.all) }
