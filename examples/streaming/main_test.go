package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/image/draw"
)

// asProgram makes the test binary be the program, so that it is linked once.
const asProgram = "as-program"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
		return
	}
	os.Exit(m.Run())
}

// limit is how long anything may take that the test waits for.
const limit = time.Minute

// program is the job as a process of its own.
type program struct {
	*exec.Cmd
	lines chan string // that it printed
	said  []string
}

func start(t *testing.T, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Cmd: exec.Command(self, append([]string{asProgram}, args...)...), lines: make(chan string, 10_000)}
	p.Env = append(os.Environ(), "GORACE=exitcode=0") // see end
	out, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Process.Kill() })
	go func() {
		defer close(p.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	return p
}

// await waits for a line with the text.
func (p *program) await(t *testing.T, text string) {
	t.Helper()
	for timeout := time.After(limit); ; {
		select {
		case line, ok := <-p.lines:
			if p.said = append(p.said, line); strings.Contains(line, text) {
				return
			}
			if !ok {
				t.Fatalf("no %q in\n%s", text, strings.Join(p.said, "\n"))
			}
		case <-timeout:
			t.Fatalf("no %q for %v in\n%s", text, limit, strings.Join(p.said, "\n"))
		}
	}
}

// end waits for the end of the program.
func (p *program) end(t *testing.T) {
	t.Helper()
	for timeout := time.After(limit); ; {
		select {
		case line, ok := <-p.lines:
			if p.said = append(p.said, line); ok {
				continue
			}
			if err := p.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, strings.Join(p.said, "\n"))
			}
			for _, race := range strings.Split(strings.Join(p.said, "\n"), "WARNING: DATA RACE")[1:] {
				if !strings.Contains(race, "natsio.(*watermarkEstimator)") { // Beam reads it without a lock
					t.Errorf("data race%s", race)
				}
			}
			return
		case <-timeout:
			t.Fatalf("goes on after %v:\n%s", limit, strings.Join(p.said, "\n"))
		}
	}
}

// answer is what the job publishes.
type answer struct {
	subject string
	id      string
	Window  time.Time
	Model   string
	Row     beamio.Row
	Failure beamio.Failure[beamio.Picture]
}

func names(r beamio.Row) string {
	var out []string
	for _, o := range r.Object {
		out = append(out, o.Label)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// broker is a server in this process, with the streams of the example.
type broker struct {
	url              string
	js               jetstream.JetStream
	pictures, answer jetstream.Stream
	answers          chan answer
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	go srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(limit) {
		t.Fatal("the server does not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	b := &broker{url: srv.ClientURL(), answers: make(chan answer, 1000)}
	if b.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	stream := func(name string, subjects ...string) jetstream.Stream {
		s, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: subjects})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	b.pictures, b.answer = stream("PICTURES", "pictures"), stream("FOUND", "found", "failed")
	c, err := b.answer.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := c.Consume(func(m jetstream.Msg) {
		a := answer{subject: m.Subject(), id: m.Headers().Get(nats.MsgIdHdr)}
		if err := json.Unmarshal(m.Data(), &a); err != nil {
			t.Errorf("%s: %v", m.Data(), err)
		}
		b.answers <- a
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reading.Stop)
	return b
}

// publish publishes a name as the message number n.
func (b *broker) publish(t *testing.T, n int, name string) *jetstream.PubAck {
	t.Helper()
	ack, err := b.js.Publish(t.Context(), "pictures", []byte(name), jetstream.WithMsgID(fmt.Sprint(n)))
	if err != nil {
		t.Fatal(err)
	}
	return ack
}

// count returns how many answers there are.
func (b *broker) count(t *testing.T) int {
	t.Helper()
	info, err := b.answer.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(info.State.Msgs)
}

// swapped returns the model with circles and triangles in each other's place.
func swapped(t *testing.T) []byte {
	t.Helper()
	c, err := loaders.OpenBytes(bytes.Clone(shapes.Model()), "swapped")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"cls_score.weight", "cls_score.bias", "bbox_pred.weight", "bbox_pred.bias"} {
		x, err := c.Tensor("roi_heads.box_predictor." + key)
		if err != nil {
			t.Fatal(err)
		}
		data := x.Bytes() // of the file in memory
		class := len(data) / len(shapes.Labels())
		circle := bytes.Clone(data[class : 2*class])
		copy(data[class:], data[3*class:4*class])
		copy(data[3*class:], circle)
	}
	var out bytes.Buffer
	if err := loaders.WriteSafetensors(&out, c); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// small returns a picture of half the size of one of the embedded.
func small(t *testing.T) []byte {
	t.Helper()
	data, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		t.Fatal(err)
	}
	whole, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	half := image.NewRGBA(image.Rect(0, 0, whole.Bounds().Dx()/2, whole.Bounds().Dy()/2))
	draw.BiLinear.Scale(half, half.Bounds(), whole, whole.Bounds(), draw.Src, nil)
	var out bytes.Buffer
	if err := png.Encode(&out, half); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestStream changes the model twice while names come, once for garbage.
func TestStream(t *testing.T) {
	total := 60
	if raceDetector {
		total = 18
		t.Logf("with the race detector on only %d pictures", total)
	}
	missing, broken := total/6, total*3/4 // the names of two are no pictures
	dir, whole := t.TempDir(), small(t)
	write := func(name string, data []byte) string { // at once, as who changes a model should
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("a.model", shapes.Model())
	labels := write("names.txt", []byte(strings.Join(shapes.Labels(), "\n")))
	b := newBroker(t)
	args := []string{"--server", b.url, "--until", fmt.Sprint(total + 1), "--window", "500ms", "--model", first,
		"--watch", filepath.Join(dir, "*.model"), "--interval", "200ms", "--names", labels, "--min-size", "96"}
	job := start(t, args...)

	window := make(map[string]time.Time) // message → the end of its window
	name := func(n int) string { return filepath.Join(dir, fmt.Sprintf("p%02d.png", n)) }
	publish := func(from, to int) {
		t.Helper()
		for n := from; n < to; n++ {
			switch n {
			case missing:
			case broken:
				write(filepath.Base(name(n)), whole[:len(whole)/3])
			default:
				write(filepath.Base(name(n)), whole)
			}
			ack := b.publish(t, n, name(n))
			again := b.publish(t, n, name(n)) // as a publisher does that did not hear from the server
			if ack.Duplicate || !again.Duplicate {
				t.Fatalf("message %d: %+v, %+v", n, ack, again)
			}
			m, err := b.pictures.GetMsg(t.Context(), ack.Sequence)
			if err != nil {
				t.Fatal(err)
			}
			window[fmt.Sprint(n)] = m.Time.Truncate(500 * time.Millisecond).Add(500 * time.Millisecond).UTC()
			time.Sleep(30 * time.Millisecond) // the pace
		}
	}
	got := make(map[string][]answer) // by subject and ID
	receive := func() answer {
		t.Helper()
		select {
		case a := <-b.answers:
			got[a.subject+" "+a.id] = append(got[a.subject+" "+a.id], a)
			return a
		case <-time.After(limit):
			t.Fatalf("no answer after %d, and the job said\n%s", len(got), strings.Join(job.said, "\n"))
			panic("not reached")
		}
	}
	publish(0, total/3)
	before := receive()
	second := write("b.model", swapped(t))
	publish(total/3, total*2/3)
	job.await(t, "beamio: changed the model")
	write("c.model", []byte("garbage"))
	publish(total*2/3, total*5/6)
	job.await(t, "beamio: a new model was not loaded")
	publish(total*5/6, total)
	b.publish(t, total, "the end") // which ends the wait for it
	job.end(t)
	for _, want := range []string{"failures    2: 1 at read, 1 at decode", "changed once", "failed updates: "} {
		if said := strings.Join(job.said, "\n"); !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}

	for range b.count(t) - len(got) {
		receive()
	}
	// As after a crash: everything is read again, and nothing is doubled.
	answers := b.count(t)
	again := start(t, args...)
	again.end(t)
	if n := b.count(t); n != answers {
		t.Errorf("%d answers after the first job, %d after the second", answers, n)
	}

	if before.Model != first {
		t.Errorf("the first answer is by %s", before.Model)
	}
	inFirst, windows := 0, make(map[time.Time]bool)
	for n := range total {
		id := fmt.Sprint(n)
		good, bad := got["found "+id], got["failed "+id]
		if len(good)+len(bad) != 1 {
			t.Fatalf("message %d: %d results, %d failures", n, len(good), len(bad))
		}
		a := append(good, bad...)[0]
		if a.Row.File+a.Failure.Example.Name != name(n) || !a.Window.Equal(window[id]) {
			t.Errorf("message %d: %+v, want %s in %v", n, a, name(n), window[id])
		}
		windows[a.Window] = true
		switch {
		case len(bad) > 0:
			if want := map[int]string{missing: beamio.StageRead, broken: beamio.StageDecode}[n]; a.Failure.Stage != want {
				t.Errorf("message %d: %+v", n, a.Failure)
			}
			continue
		case a.Model == first && n < total*2/3:
			inFirst++
			if names(a.Row) != names(before.Row) {
				t.Errorf("message %d: %q by %s", n, names(a.Row), a.Model)
			}
		case a.Model == second:
			swap := strings.NewReplacer("circle", "triangle", "triangle", "circle")
			want := strings.Fields(swap.Replace(names(before.Row)))
			if slices.Sort(want); names(a.Row) != strings.Join(want, " ") || names(a.Row) == names(before.Row) {
				t.Errorf("message %d: %q by %s, want %q", n, names(a.Row), a.Model, want)
			}
		default:
			t.Errorf("message %d by %s", n, a.Model)
		}
	}
	if inFirst == 0 || !strings.Contains(names(before.Row), "circle") {
		t.Errorf("%d answers of the first model, such as %q", inFirst, names(before.Row))
	}
	if len(windows) < 2 || len(got) != total {
		t.Errorf("%d answers in %d windows", len(got), len(windows))
	}
}
