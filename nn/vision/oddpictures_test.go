package vision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
)

// TestOddPictures: pictures of 1×1 and 1×5000 pixels in a batch of files, some of which are none, leave the answers to
// the others as they are.
func TestOddPictures(t *testing.T) {
	src, err := loaders.Open(filepath.Join(testdata, "shapes", "model.pth"))
	if err != nil {
		t.Fatal(err)
	}
	d := shapesCase{MinSize: 128, MaxSize: 192}.detector(t, src)
	good, err := shapes.Pictures().Open("s256.png")
	if err != nil {
		t.Fatal(err)
	}
	defer good.Close()
	var file bytes.Buffer
	if _, err := file.ReadFrom(good); err != nil {
		t.Fatal(err)
	}
	png := func(w, h int) []byte {
		var b bytes.Buffer
		if err := picture.EncodePNG(&b, picture.NewRGB(w, h)); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	files := [][]byte{file.Bytes(), nil, png(1, 1), []byte("no picture"), png(1, 5000), file.Bytes()[:99], png(5000, 1),
		file.Bytes()}
	read := func(_ context.Context, i int) ([]byte, error) { return files[i], nil }
	var batch []image.Image
	bad := 0
	for p, err := range picture.DecodeAll(bg, len(files), read, picture.DecodeOptions{}) {
		if e, ok := errors.AsType[*picture.DecodeError](err); err != nil && !ok {
			t.Errorf("%v is no *DecodeError, %v", err, e)
		}
		if err != nil {
			bad++
			continue
		}
		batch = append(batch, p)
	}
	if bad != 3 {
		t.Errorf("%d bad pictures, want 3", bad)
	}
	found, err := d.DetectBatch(bg, batch)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := d.Detect(bg, batch[0])
	if err != nil || alone.Len() == 0 {
		t.Fatalf("%d objects, %v", alone.Len(), err)
	}
	for _, i := range []int{0, len(batch) - 1} {
		if !reflect.DeepEqual(found[i].Boxes, alone.Boxes) || !reflect.DeepEqual(found[i].Scores, alone.Scores) {
			t.Errorf("picture %d has other objects beside odd ones", i)
		}
	}
	for i, n := range []int{1, 2, 3} {
		if found[n].Width*found[n].Height != []int{1, 5000, 5000}[i] {
			t.Errorf("picture %d is of %d×%d", n, found[n].Width, found[n].Height)
		}
	}
	for i, img := range []image.Image{nil, picture.NewRGB(0, 3)} {
		_, err := d.DetectBatch(bg, []image.Image{batch[0], img})
		if e, ok := errors.AsType[*PictureError](err); !ok || e.Index != 1 {
			t.Errorf("case %d: %v", i, err)
		}
	}
}

// TestEach: everything is done once, and the error is that of the first that has one.
func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		var done atomic.Int64
		err := each(bg, n, func(i int) error {
			done.Add(1)
			if i%7 == 3 {
				return fmt.Errorf("number %d", i)
			}
			return nil
		})
		if n > 3 && (err == nil || err.Error() != "number 3") || n <= 3 && err != nil || int(done.Load()) != n {
			t.Errorf("%d: %d done, %v", n, done.Load(), err)
		}
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if err := each(ctx, 3, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the context's end: %v", err)
	}
	defer func() {
		if r := recover(); r != "a picture's own" {
			t.Errorf("recovered %v", r)
		}
	}()
	each(bg, 50, func(i int) error {
		if i > 20 {
			panic("a picture's own")
		}
		return nil
	})
}
