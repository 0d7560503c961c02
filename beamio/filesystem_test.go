package beamio

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// TestOpenCheckpoint opens one file on two filesystems, with and without its checksum.
func TestOpenCheckpoint(t *testing.T) {
	local := table(5, 1).write(t)
	data, err := os.ReadFile(local)
	if err != nil {
		t.Fatal(err)
	}
	const remote = "memfs://open/model.safetensors"
	memfs.Write(remote, data)
	sum := sha256.Sum256(data)
	right := hex.EncodeToString(sum[:])
	for _, path := range []string{local, remote} {
		var bytesOf [][]byte
		for _, opts := range [][]loaders.Option{nil, {loaders.WithSHA256(right)}} {
			c, err := OpenCheckpoint(t.Context(), path, opts...)
			if err != nil {
				t.Fatal(err)
			}
			x, err := c.Tensor("weight")
			if err != nil {
				t.Fatal(err)
			}
			bytesOf = append(bytesOf, x.Bytes())
			if path == remote && !alignedTogether(t, c) {
				t.Error("the file is not in one aligned block")
			}
		}
		if !bytes.Equal(bytesOf[0], bytesOf[1]) || len(bytesOf[0]) != 4 {
			t.Errorf("%s: weights %v", path, bytesOf)
		}
		wrong := strings.Repeat("0", 64)
		_, err := OpenCheckpoint(t.Context(), path, loaders.WithSHA256(wrong))
		if e, ok := errors.AsType[*loaders.ChecksumError](err); !ok || e.Want != wrong || e.Got != right || e.Name != path {
			t.Errorf("%s with another checksum: %v", path, err)
		}
		h := &Linear{Model: path, SHA256: right}
		if err := h.Validate(); err != nil {
			t.Error(err)
		}
		if _, err := h.Load(t.Context()); err != nil {
			t.Error(err)
		}
		h.SHA256 = wrong
		if _, err := h.Load(t.Context()); !errors.As(err, new(*loaders.ChecksumError)) {
			t.Errorf("%s: a handler with another checksum: %v", path, err)
		}
	}
	absent := filepath.Join(t.TempDir(), "absent")
	if _, err := OpenCheckpoint(t.Context(), absent); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
	for _, path := range []string{"memfs://open/absent", "nowhere://open/model.pth"} {
		if _, err := OpenCheckpoint(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestOpenRemoteIndex opens shards beside an index, and none elsewhere.
func TestOpenRemoteIndex(t *testing.T) {
	memfs.Write("memfs://shards/in/one.safetensors", table(5, 1).bytes(t))
	memfs.Write("memfs://shards/one.safetensors", table(6, 1).bytes(t))
	for index, want := range map[string]string{
		`{"weight_map":{"weight":"one.safetensors","bias":"one.safetensors"}}`: "",
		`{"weight_map":{"weight":"../one.safetensors"}}`:                       "not the plain name of a file",
		`{"weight_map":{"weight":"two.safetensors"}}`:                          "memfs://shards/in/two.safetensors: ",
	} {
		const path = "memfs://shards/in/model.safetensors.index.json"
		memfs.Write(path, []byte(index))
		c, err := OpenCheckpoint(t.Context(), path)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %q", index, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		info, _ := c.Info("weight")
		x, err := c.Tensor("weight")
		if err != nil || info.Shard != "memfs://shards/in/one.safetensors" {
			t.Fatalf("%+v, %v", info, err)
		}
		if v, err := x.Float32s(); err != nil || len(v) != 1 || v[0] != 5 {
			t.Errorf("weight %v, %v", v, err)
		}
	}
}

// TestObjectPaths looks at what Beam's clients are asked for.
func TestObjectPaths(t *testing.T) {
	if got := escaped("s3://b/a b+50% #1?.png"); got != "s3://b/a b+50%25 %231%3F.png" {
		t.Error(got)
	}
	for pattern, want := range map[string]string{
		"gs://b/a?c/d[e]*/f.png": "gs://b/a*/d*/f.png", "gs://b/a/b.png": "gs://b/a/b.png", `gs://b/a\*b`: "gs://b/a*",
	} {
		if got := widened(pattern); got != want {
			t.Errorf("widened(%q) = %q, want %q", pattern, got, want)
		}
	}
	gone := found(errors.New("operation error S3: HeadObject, https response error StatusCode: 404, NotFound"))
	if !errors.Is(gone, fs.ErrNotExist) || errors.Is(found(errors.New("StatusCode: 403")), fs.ErrNotExist) || found(nil) != nil {
		t.Error(gone)
	}
	role := errors.New("operation error S3: HeadObject, get identity: get credentials: failed to refresh cached credentials, " +
		"no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404")
	if errors.Is(found(role), fs.ErrNotExist) {
		t.Error("no credentials are taken for no object")
	}
}

// TestObjectTimes asks stores when an object was written, and for the newest.
func TestObjectTimes(t *testing.T) {
	store := &datedStore{zone: time.FixedZone("there", 3600)}
	at, err := objects{store}.LastModified(t.Context(), "s3://b/a#2")
	if err != nil || at.Unix() != 2 || store.asked != "s3://b/a%232" {
		t.Errorf("%v, %v of %s", at, err, store.asked)
	}
	if at, err := (objects{&breaking}).LastModified(t.Context(), "s3://b/a"); err != nil || !at.IsZero() {
		t.Errorf("%v, %v from a store that does not tell", at, err)
	}
	clients.mu.Lock()
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open["dated"] = objects{store}
	clients.mu.Unlock()
	first, err := newest(t.Context(), "dated://b/*")
	if err != nil || first.path != "dated://b/m#7" || first.size != 5 {
		t.Errorf("the newest is %+v, %v", first, err)
	}
	store.zone = time.FixedZone("there", 3600) // the same, but for its address
	if again, err := newest(t.Context(), "dated://b/*"); err != nil || again != first {
		t.Errorf("then it is %+v, %v", again, err)
	}
}

// datedStore is a store whose objects were written at the second that is the last figure of their names.
type datedStore struct {
	breakingFS
	zone  *time.Location
	asked string
}

func (*datedStore) List(context.Context, string) ([]string, error) {
	return []string{"dated://b/m#7", "dated://b/m#6", "dated://b/folder9/"}, nil
}

func (s *datedStore) LastModified(_ context.Context, name string) (time.Time, error) {
	s.asked = name
	return time.Unix(int64(name[len(name)-1]-'0'), 0).In(s.zone), nil
}

func (*datedStore) Size(context.Context, string) (int64, error) { return 5, nil }

// alignedTogether reports whether the tensors of a checkpoint lie in one block as they do in the file.
func alignedTogether(t *testing.T, c *loaders.Checkpoint) bool {
	t.Helper()
	begin := uintptr(0)
	for i, key := range c.Keys() {
		info, _ := c.Info(key)
		x, err := c.Tensor(key)
		if err != nil {
			t.Fatal(err)
		}
		file := uintptr(unsafe.Pointer(unsafe.SliceData(x.Bytes()))) - uintptr(info.Offset)
		if i > 0 && file != begin {
			return false
		}
		begin = file
	}
	return begin%tensor.Alignment == 0
}

func TestHandlersCheckDigests(t *testing.T) {
	for _, bad := range []string{"0", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("x", 64)} {
		for _, h := range []interface{ Validate() error }{
			&Detector{Model: "m", SHA256: bad}, &Classifier{Model: "m", SHA256: bad}, &Linear{Model: "m", SHA256: bad},
		} {
			if err := h.Validate(); err == nil || !strings.Contains(err.Error(), "SHA256") {
				t.Errorf("%T with %q: %v", h, bad, err)
			}
		}
	}
}

// TestReadFileIsBounded reads as much as the limit and a byte more on two filesystems.
func TestReadFileIsBounded(t *testing.T) {
	local := filepath.Join(t.TempDir(), "ten")
	write(t, filepath.Dir(local), "ten", []byte("0123456789"))
	const remote = "memfs://bounded/ten"
	memfs.Write(remote, []byte("0123456789"))
	for _, path := range []string{local, remote} {
		if data, err := ReadFile(t.Context(), path, 10); err != nil || string(data) != "0123456789" {
			t.Errorf("%s: %q, %v", path, data, err)
		}
		if data, err := ReadFile(t.Context(), path, 9); err == nil || !strings.Contains(err.Error(), "too many bytes") {
			t.Errorf("%s with a limit of 9: %q, %v", path, data, err)
		}
	}
	huge := filepath.Join(t.TempDir(), "huge.png") // sparse
	write(t, filepath.Dir(huge), "huge.png", nil)
	if err := os.Truncate(huge, 1<<40); err != nil {
		t.Fatal(err)
	}
	_, err := Picture{Name: huge}.Decode(t.Context())
	if stage, cause := stageOf(err, ""); stage != StageRead || !strings.Contains(cause.Error(), "too many bytes") {
		t.Errorf("a terabyte: %v", err)
	}
}
