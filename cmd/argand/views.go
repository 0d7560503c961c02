package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/argand-go/argand/nn/picture"
)

// An input is a file that holds a picture, or several that follow each other.
type input struct {
	path   string // stdin for standard input
	series bool   // of a directory, whose pictures may follow each other
}

const stdin = "-"

// A view is a picture that is looked at: an input, or a frame of one.
type view struct {
	input  int    // its number
	name   string // as the input's path
	frame  int    // of an animation, from 0; −1 of a picture that is alone in its file
	series bool   // one of several that may follow each other
	img    *picture.RGB
	err    error // why there is no img
}

// title names the view for people: "clip.gif[3]".
func (v *view) title() string {
	if v.frame < 0 {
		return v.name
	}
	return fmt.Sprintf("%s[%d]", v.name, v.frame)
}

// base returns the name of the file that what is drawn of the view is called after: "clip.gif.0003.png".
func (v *view) base() string {
	name := filepath.Base(v.name)
	if v.name == stdin {
		name = "stdin"
	}
	if v.frame >= 0 {
		name += fmt.Sprintf(".%04d.png", v.frame)
	}
	return name
}

// inputs returns the files that arguments mean: files, patterns for shells that do not replace them, directories, or -
// for standard input.
func inputs(args []string) ([]input, error) {
	files, err := expand(args)
	if err != nil {
		return nil, err
	}
	if n := len(slices.DeleteFunc(slices.Clone(files), func(f string) bool { return f != stdin })); n > 1 {
		return nil, misused(errors.New("- is given twice: standard input can be read once"))
	}
	var list []input
	for _, f := range files {
		if info, err := os.Stat(f); f == stdin || err != nil || !info.IsDir() {
			list = append(list, input{path: f})
			continue
		}
		within, err := picturesIn(f)
		if err != nil {
			return nil, err
		}
		for _, f := range within {
			list = append(list, input{f, true})
		}
	}
	return list, nil
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

// picturesIn returns the files of a directory, not of those in it, that are pictures by their names, in the order of
// these.
func picturesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && slices.Contains(pictureEndings(), ext) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if files = withoutOverlays(files); len(files) == 0 {
		return nil, fmt.Errorf("%s: no pictures in it (%s)", dir, strings.Join(pictureEndings(), ", "))
	}
	return files, nil
}

// pictureEndings are those of the names of files that package picture reads.
func pictureEndings() []string {
	return []string{".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
}

// namesIn returns the names in a file, one a line, or those of standard input.
func namesIn(ctx context.Context, path string) ([]string, error) {
	data, err := readFile(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("--list: %w", err)
	}
	var names []string
	lines := bufio.NewScanner(strings.NewReader(strings.TrimPrefix(string(data), "\uFEFF")))
	for lines.Scan() {
		if lines.Text() != "" {
			names = append(names, lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--list %s: %w", path, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("--list %s: no names in it", path)
	}
	return names, nil
}

// readFile reads a file, or standard input, but no longer than ctx lasts: it may be a pipe, and nobody may write to it.
func readFile(ctx context.Context, path string) ([]byte, error) {
	type content struct {
		data []byte
		err  error
	}
	done := make(chan content, 1)
	go func() {
		var c content
		if path == stdin {
			c.data, c.err = io.ReadAll(io.LimitReader(os.Stdin, picture.DefaultMaxBytes+1))
		} else {
			c.data, c.err = os.ReadFile(path)
		}
		done <- c
	}()
	select {
	case c := <-done:
		return c.data, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// views yields what an input holds: the frames of an animation, or one picture, or why there is none.
func (in input) views(ctx context.Context, number int, o picture.DecodeOptions) iter.Seq[view] {
	return func(yield func(view) bool) {
		v := view{input: number, name: in.path, frame: -1, series: in.series}
		data, err := readFile(ctx, in.path)
		if err != nil {
			if p, ok := errors.AsType[*fs.PathError](err); ok {
				err = p.Err // without the name, which is told beside it
			}
			v.err = err
			yield(v)
			return
		}
		n := 0 // frames; the first is yielded when it is known whether there is another
		for img, err := range picture.DecodeFrames(data, o) {
			if n > 0 {
				v.frame, v.series = n-1, true
				if !yield(v) {
					return
				}
			}
			v.img, v.err = img, err
			n++
		}
		if n > 1 {
			v.frame = n - 1
		}
		yield(v)
	}
}

// ahead decodes inputs on several goroutines and delivers their views in order. At most so many inputs, and as many
// views, are decoded and not received. The channel is closed at the end, or when ctx is done.
func ahead(ctx context.Context, list []input, o picture.DecodeOptions, goroutines, views int) <-chan view {
	queue := make(chan chan view, goroutines-1)
	go func() {
		defer close(queue)
		for i, in := range list {
			some := make(chan view)
			select {
			case queue <- some:
			case <-ctx.Done():
				return
			}
			go func() {
				defer close(some)
				for v := range in.views(ctx, i, o) {
					select {
					case some <- v:
					case <-ctx.Done():
						return
					}
				}
			}()
		}
	}()
	out := make(chan view, views)
	go func() {
		defer close(out)
		for some := range queue {
			for v := range some {
				select {
				case out <- v:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return out
}

// batches yields up to most views at a time: as many as are decoded when the last batch is done.
func batches(views <-chan view, most int) iter.Seq[[]view] {
	return func(yield func([]view) bool) {
		for v := range views {
			batch := []view{v}
		gather:
			for len(batch) < most {
				select {
				case v, ok := <-views:
					if !ok {
						break gather
					}
					batch = append(batch, v)
				default:
					break gather
				}
			}
			if !yield(batch) {
				return
			}
		}
	}
}

// inOrder runs jobs on up to so many goroutines and yields what they return in order. When it returns, no job is
// running and jobs has ended.
func inOrder[T any](goroutines int, jobs iter.Seq[func() T]) iter.Seq[T] {
	return func(yield func(T) bool) {
		pending := make(chan chan T, goroutines-1)
		stop := make(chan struct{})
		go func() {
			defer close(pending)
			for job := range jobs {
				done := make(chan T, 1)
				select {
				case pending <- done:
				case <-stop:
					return
				}
				go func() { done <- job() }()
			}
		}()
		defer func() {
			close(stop)
			for done := range pending {
				<-done
			}
		}()
		for done := range pending {
			if !yield(<-done) {
				return
			}
		}
	}
}
