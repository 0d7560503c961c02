package beamio

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// objects is a filesystem of Beam's for an object store, which reads its paths
// as URLs, of names written as they are.
type objects struct{ beam filesystem.Interface }

// escaped returns a path that Beam's client, which parses it, takes for what it is.
func escaped(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3F", "#", "%23").Replace(path)
}

// Close does nothing: the client is the process's.
func (o objects) Close() error { return nil }

// List returns what matches a pattern, without the objects that stand for
// folders. Beam's clients ask the store for the names that begin like the
// pattern up to its first "*", take wildcards before it for themselves, and
// differ in what they take for one; so they are asked for more than is wanted,
// unless the pattern has a "**", which only they know.
func (o objects) List(ctx context.Context, pattern string) ([]string, error) {
	pattern = strings.ReplaceAll(pattern, "[!", "[^") // gs:// knows both
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("%s: %w", pattern, err)
	}
	wide := pattern
	if !strings.Contains(pattern, "**") {
		wide = widened(pattern)
	}
	names, err := o.beam.List(ctx, escaped(wide))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		matches := true
		if wide != pattern {
			matches, _ = path.Match(pattern, name)
		}
		return !matches || strings.HasSuffix(name, "/")
	}), nil
}

// wildcards are the characters of a pattern that do not stand for themselves.
const wildcards = `*?[\`

// widened returns a pattern of "*" alone that matches whatever pattern does.
func widened(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, part := range parts {
		if first := strings.IndexAny(part, wildcards); first >= 0 {
			parts[i] = part[:first] + "*"
		}
	}
	return strings.Join(parts, "/")
}

// OpenRead opens an object.
func (o objects) OpenRead(ctx context.Context, name string) (io.ReadCloser, error) {
	r, err := o.beam.OpenRead(ctx, escaped(name))
	return r, found(err)
}

// OpenWrite makes an object, which is there once it is closed.
func (o objects) OpenWrite(ctx context.Context, name string) (io.WriteCloser, error) {
	return o.beam.OpenWrite(ctx, escaped(name))
}

// Size returns the length of an object.
func (o objects) Size(ctx context.Context, name string) (int64, error) {
	n, err := o.beam.Size(ctx, escaped(name))
	return n, found(err)
}

// An absent is the error for an object that is not there, which is [fs.ErrNotExist].
type absent struct{ error }

func (a absent) Unwrap() error        { return a.error }
func (a absent) Is(target error) bool { return target == fs.ErrNotExist }

// found makes an absent of an error that says so. The clients' types do not: Beam's client of S3 makes texts of them.
func found(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, gone := range []string{"object doesn't exist", "bucket doesn't exist", "https response error StatusCode: 404"} {
		if strings.Contains(text, gone) && !strings.Contains(text, "get credentials: ") { // which may be what is not there
			return absent{err}
		}
	}
	return err
}

// LastModified returns when an object was written, or the zero time if the store
// does not tell.
func (o objects) LastModified(ctx context.Context, name string) (time.Time, error) {
	dated, ok := o.beam.(filesystem.LastModifiedGetter)
	if !ok {
		return time.Time{}, nil
	}
	at, err := dated.LastModified(ctx, escaped(name))
	return at, found(err)
}

// Remove removes an object.
func (o objects) Remove(ctx context.Context, name string) error {
	r, ok := o.beam.(filesystem.Remover)
	if !ok {
		return fmt.Errorf("%T cannot remove", o.beam)
	}
	return r.Remove(ctx, escaped(name))
}

// Rename gives an object another name. Beam's client of S3 copies and removes,
// and passes the name that it copies on as if S3 did not parse it.
func (o objects) Rename(ctx context.Context, from, to string) error {
	c, ok := o.beam.(filesystem.Copier)
	if _, renames := o.beam.(filesystem.Renamer); renames || !ok {
		return filesystem.Rename(ctx, o.beam, escaped(from), escaped(to))
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(from, "s3://"), "/")
	source := "s3://" + bucket + "/" + strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(key))
	if err := c.Copy(ctx, escaped(source), escaped(to)); err != nil {
		return err
	}
	return o.Remove(ctx, from)
}
