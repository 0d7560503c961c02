package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/argand-go/argand/internal/meter"
)

type reply map[string]any

// A server answers for one setting. What measures with the device's events is loaded when it is first asked for.
type server struct {
	*worker
	setting
	plain, metered *subject
	meter          *meter.Meter
}

// serve loads the network and answers until the input ends.
func (w *worker) serve(ctx context.Context, s setting, in io.Reader, out io.Writer) (err error) {
	answers := json.NewEncoder(out)
	v := &server{worker: w, setting: s}
	if v.plain, err = w.subject(ctx, w.gpu, s); err != nil {
		return answers.Encode(reply{"error": err.Error()})
	}
	defer func() {
		err = errors.Join(err, v.plain.close())
		if v.metered != nil {
			err = errors.Join(err, v.metered.close())
		}
	}()
	if err := answers.Encode(reply{"ready": w.gpu.Name()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		r, err := v.answer(ctx, strings.Fields(lines.Text()))
		if err != nil {
			r = reply{"error": err.Error()}
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (v *server) answer(ctx context.Context, words []string) (reply, error) {
	switch {
	case len(words) == 3 && (words[0] == "run" || words[0] == "events"):
		lead, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, err
		}
		count, err := strconv.Atoi(words[2])
		if err != nil {
			return nil, err
		}
		if words[0] == "run" {
			return v.clock(ctx, lead, count)
		}
		return v.events(ctx, lead, count)
	case len(words) == 2 && words[0] == "output":
		return v.write(ctx, words[1])
	}
	return nil, fmt.Errorf("%q is no command", words)
}

// clock runs the network and tells how long it took, copies and all.
func (v *server) clock(ctx context.Context, lead, count int) (reply, error) {
	ms := []float64{}
	for i := range lead + count {
		start := time.Now()
		if _, err := v.plain.run(ctx); err != nil {
			return nil, err
		}
		if i >= lead {
			ms = append(ms, time.Since(start).Seconds()*1000)
		}
	}
	return reply{"ms": ms}, nil
}

// events sums what the device's events between the steps say. Steps are submitted one by one then, and not as a graph.
func (v *server) events(ctx context.Context, lead, count int) (reply, error) {
	if v.metered == nil {
		m := meter.New(v.gpu)
		s, err := v.subject(ctx, m, v.setting)
		if err != nil {
			return nil, err
		}
		v.meter, v.metered = m, s
	}
	ms := []float64{}
	for i := range lead + count {
		if _, err := v.metered.run(ctx); err != nil {
			return nil, err
		}
		if layers := v.meter.Take(); i >= lead {
			ms = append(ms, total(layers).Seconds()*1000)
		}
	}
	return reply{"ms": ms}, nil
}

func total(layers []meter.Layer) (sum time.Duration) {
	for _, l := range layers {
		sum += l.Time
	}
	return sum
}

// write runs the network and writes its output into a file.
func (v *server) write(ctx context.Context, path string) (reply, error) {
	out, err := v.plain.run(ctx)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := binary.Write(f, binary.LittleEndian, out); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return reply{"ok": true}, f.Close()
}
