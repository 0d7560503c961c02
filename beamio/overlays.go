package beamio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/argand-go/argand/nn/picture"
)

func init() { beam.RegisterDoFn(&overlayFn{}) }

// Overlays is a directory, on any filesystem of Beam's, for pictures with what a
// [Detector] has found drawn over them.
type Overlays struct {
	Dir string // where they are written
	// Root is a directory, "photos/", or a pattern as MatchImages takes it: then it
	// stands for the directory that all its matches lie in. Overlays lie in Dir as their
	// pictures lie in Root. Those of pictures elsewhere, and without a Root of all
	// pictures, lie in Dir by their whole paths: gs://b/a/c.jpg by b/a/c.jpg.
	Root string
}

// WriteOverlays draws the results of a [Detector], keyed or not, over their
// pictures and writes them as PNG files. It returns a PCollection<string> of
// their paths. It takes any windows, and streams. Each overlay is written as by
// [WriteFile], or in an object store, which shows objects when they are whole, in
// one request.
//
// A picture is read again, which is cheap beside finding what is in it: its
// pixels would have to be encoded to come here from the network's stage. So
// results made [WithoutExample] cannot be drawn. An overlay that cannot be read,
// drawn or written fails the job, with the name of its picture: the network could
// read it, so that what is wrong now is wrong with the filesystem. It panics if
// to.Dir is empty or the filesystem's package is not linked.
func WriteOverlays(s beam.Scope, to Overlays, results beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.WriteOverlays")
	filesystem.ValidateScheme(to.Dir)
	if typex.IsKV(results.Type()) {
		results = beam.DropKey(s, results)
	}
	return beam.ParDo(s, &overlayFn{to}, results)
}

// overlayFn writes overlays.
type overlayFn struct{ To Overlays }

// ProcessElement writes one and emits its path.
func (f *overlayFn) ProcessElement(
	ctx context.Context, r PredictionResult[Picture, Detections], emit func(string),
) error {
	path, err := f.To.Write(ctx, r.Example, &r.Inference)
	if err != nil {
		return err
	}
	emit(path)
	return nil
}

// Write draws what was found in a picture over it and writes the overlay. It
// returns its path. Errors name the picture.
func (o Overlays) Write(ctx context.Context, p Picture, found *Detections) (path string, err error) {
	path = o.Path(p.Name)
	data, err := drawn(ctx, p, found)
	if err == nil && o.below(p.Name) == "" { // all of which would be one file
		err = errors.New("a picture without a name")
	}
	if err == nil {
		err = writeBytes(ctx, path, data)
	}
	if err != nil {
		return "", fmt.Errorf("overlay of %s: %w", p.Name, err)
	}
	return path, nil
}

// writeBytes makes a file that appears whole.
func writeBytes(ctx context.Context, path string, data []byte) error {
	fs, err := FileSystem(ctx, path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, whole := fs.(objects); !whole {
		return WriteFile(ctx, path, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	if err := filesystem.Write(ctx, fs, path, data); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// drawn returns the PNG file of a picture with what was found in it.
func drawn(ctx context.Context, p Picture, found *Detections) ([]byte, error) {
	rgb, err := p.Decode(ctx)
	if err != nil {
		return nil, err
	}
	instances := make([]picture.Instance, found.Len())
	for i := range instances {
		instances[i] = picture.Instance{Box: found.Box(i), Name: found.Name(i), Score: found.Scores[i],
			Keypoints: found.Points(i)}
		if i < len(found.Masks) {
			if instances[i].Pixels, err = found.RLE(i).Decode(); err != nil {
				return nil, err
			}
		}
	}
	var b bytes.Buffer
	err = picture.EncodePNG(&b, picture.Overlay(rgb, instances))
	return b.Bytes(), err
}

// Path returns where the overlay of a picture is written: that of "a.png" is
// "a.overlay.png", that of "a.jpg" is "a.jpg.overlay.png", so that pictures
// beside each other have different ones, but for "a.png" and "a". It is in Dir,
// whatever the name is.
func (o Overlays) Path(name string) string {
	below := strings.TrimSuffix(o.below(name), ".png") + ".overlay.png"
	if scheme(o.Dir) == "" { // where a name of an object store may have more separators than there
		return filepath.Join(o.Dir, filepath.FromSlash(path.Clean("/"+filepath.ToSlash(below))))
	}
	return strings.TrimSuffix(o.Dir, "/") + "/" + below
}

// below returns the slash-separated path that the overlay of a file has in Dir, but for its ending.
func (o Overlays) below(name string) string {
	root := o.Root
	if scheme(root) == "" {
		root = filepath.ToSlash(root)
	}
	if i := strings.IndexAny(root, wildcards); i >= 0 {
		root = root[:i]
	}
	root = root[:strings.LastIndexByte(root, '/')+1]
	if root != "" && scheme(root) == "" {
		root = strings.TrimPrefix(strings.TrimSuffix(path.Clean(root), "/")+"/", "./")
	}
	if scheme(name) == "" {
		name = path.Clean(filepath.ToSlash(name))
	}
	below, ok := strings.CutPrefix(name, root)
	if !ok || root == "" {
		below = strings.TrimPrefix(strings.TrimPrefix(name, filepath.VolumeName(name)), scheme(name)+"://")
	}
	return path.Clean("/" + below)[1:] // which leads nowhere else
}
