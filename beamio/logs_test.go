package beamio

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// logged runs f and returns the lines of the default logger that it wrote, without their times.
func logged(t *testing.T, f func()) []map[string]any {
	t.Helper()
	var b written
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&b, nil)))
	defer slog.SetDefault(old)
	f()
	b.mu.Lock() // a watch may be writing
	defer b.mu.Unlock()
	var lines []map[string]any
	for line := range bytes.Lines(b.text.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, m)
	}
	return lines
}

// written is text that goroutines write.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

// TestLogLines wants a line for each load, update, failure and closing, with what there is to know in fields.
func TestLogLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		good, bad := filepath.Join(dir, "good.txt"), filepath.Join(dir, "zbad.txt")
		const noNumber = `strconv.Atoi: parsing "no number": invalid syntax`
		put := func(path, content string) {
			if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		h := &scale{Name: t.Name(), Fail: []int{7}, NoLoad: 1, Size: 60}
		watcherOf(t.Name()).loading = func() { time.Sleep(time.Second) }
		lines := logged(t, func() {
			b := newBundle(t, h, WithModelWatch(filepath.Join(dir, "*"), time.Minute))
			if err := b.run(1); err == nil {
				t.Error("the first load works")
			}
			b.mustRun(t, 1, 7)
			put(good, "3")
			time.Sleep(70 * time.Second)
			b.mustRun(t, 1)
			put(bad, "no number")
			time.Sleep(time.Minute)
			b.mustRun(t, 1)
		})
		time.Sleep(time.Hour) // the watch ends
		want := []map[string]any{
			{"level": "INFO", "msg": "beamio: a model was not loaded", "model": "scale", "took": 0.0,
				"error": "load 1 does not work"},
			{"level": "INFO", "msg": "beamio: loaded a model", "model": "scale", "bytes": 60.0, "took": 1e9},
			{"level": "INFO", "msg": "beamio: an example failed", "model": "scale", "example": "", "stage": "inference",
				"error": "cannot scale 7"},
			{"level": "INFO", "msg": "beamio: loaded a model", "model": "scale " + good, "bytes": 60.0, "took": 1e9},
			{"level": "INFO", "msg": "beamio: closed a model", "model": "scale", "bytes": 60.0},
			{"level": "INFO", "msg": "beamio: changed the model", "from": "scale", "to": "scale " + good, "path": good,
				"bytes": 60.0, "took": 1e9},
			{"level": "INFO", "msg": "beamio: a model was not loaded", "model": "scale " + bad, "took": 1e9, "error": noNumber},
			{"level": "WARN", "msg": "beamio: a new model was not loaded, the old one goes on", "path": bad, "try": 1.0,
				"error": "beamio: loading the model: " + noNumber},
		}
		for i := range max(len(lines), len(want)) {
			var got, wanted map[string]any
			if i < len(lines) {
				got = lines[i]
				delete(got, "time")
			}
			if i < len(want) {
				wanted = want[i]
			}
			if !maps.Equal(got, wanted) {
				t.Errorf("line %d\ngot  %v\nwant %v", i, got, wanted)
			}
		}
	})
}
