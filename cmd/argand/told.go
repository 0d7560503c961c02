package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/argand-go/argand/nn/vision"
)

// told is what a look has printed and written so far.
type told struct {
	look   *look
	header string
	lines  []string // of the table
	array  jsonArray
	done   int // views
	failed int

	coco *vision.COCOWriter // nil without --coco
	file *outFile           // that it writes
	ids  []int              // of the inputs in COCO's annotations, or nil: views are numbered from 1
}

// newTold begins the files that grow with every view.
func (l *look) newTold(files []input, header string) (*told, error) {
	t := &told{look: l, header: header, array: jsonArray{w: l.stdout}}
	if l.coco == "" {
		return t, nil
	}
	var err error
	if t.file, err = createFile(l.coco); err != nil {
		return nil, fmt.Errorf("--coco %s: %w", l.coco, err)
	}
	t.coco, t.ids = vision.NewCOCOWriter(t.file), imageIDs(files)
	return t, nil
}

// tell prints what was seen, or keeps it for the table, or prints why there is nothing to see.
func (t *told) tell(s seen) error {
	t.done++
	if s.err != nil {
		t.failed++
		return t.tellFailure(s)
	}
	if found, ok := s.sight.(detected); ok && t.coco != nil {
		id := t.done
		if t.ids != nil {
			id = t.ids[s.input]
		}
		if err := t.coco.Write(found.COCO(id)); err != nil {
			return fmt.Errorf("--coco %s: %w", t.look.coco, err)
		}
	}
	if s.record != nil {
		return t.print(s.record)
	}
	for _, row := range s.sight.rows() {
		t.lines = append(t.lines, printable(s.title())+"\t"+row)
	}
	return nil
}

func (t *told) tellFailure(s seen) error {
	reason := oneLine(s.err.Error())
	if t.look.json || t.look.jsonl {
		return t.print(failure{s.source(), reason})
	}
	t.look.progress.clear()
	_, err := fmt.Fprintf(t.look.stderr, "argand: %s: %s\n", printable(s.title()), reason)
	return err
}

// print prints a JSON record. The bar would stand in its way if both go to one terminal.
func (t *told) print(record any) error {
	if isTerminal(t.look.stdout) {
		t.look.progress.clear()
	}
	if t.look.json {
		return t.array.add(record)
	}
	line, err := marshal(record)
	if err != nil {
		return err
	}
	_, err = t.look.stdout.Write(append(line, '\n'))
	return err
}

// close prints what comes behind all views; if not all were told of, there is no file for COCO.
func (t *told) close(whole bool) error {
	var err error
	if t.look.json {
		err = t.array.close()
	} else if t.lines != nil {
		err = writeLines(t.look.stdout, t.header, t.lines)
	}
	if err != nil {
		return err
	}
	if t.coco == nil || !whole {
		return nil
	}
	if err := t.coco.Close(); err != nil {
		return fmt.Errorf("--coco %s: %w", t.look.coco, err)
	}
	return t.file.commit()
}

// drop removes what was not finished.
func (t *told) drop() {
	if t.file != nil {
		t.file.drop()
	}
}

// failures returns the error of the run as a whole.
func (t *told) failures() error {
	switch {
	case t.failed == 0:
		return nil
	case t.done == 1:
		return errReported
	case t.failed == t.done:
		return fmt.Errorf("all %d pictures failed", t.failed)
	}
	return &partial{t.failed, t.done}
}

// A jsonArray prints a JSON array item by item.
type jsonArray struct {
	w     io.Writer
	begun bool
}

func (a *jsonArray) add(item any) error {
	data, err := marshal(item)
	if err != nil {
		return err
	}
	before := ",\n"
	if !a.begun {
		before = "[\n"
	}
	a.begun = true
	_, err = io.WriteString(a.w, before+string(data))
	return err
}

func (a *jsonArray) close() error {
	end := "\n]\n"
	if !a.begun {
		end = "[]\n"
	}
	_, err := io.WriteString(a.w, end)
	return err
}

// marshal returns JSON in one line. Run lengths have < and >, which HTML does not concern.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

var numbered = regexp.MustCompile(`([0-9]+)\.[A-Za-z]+$`)

// imageIDs returns the numbers that the names of COCO's pictures end with, "000000000139.jpg", or nil if not all inputs
// have one of their own.
func imageIDs(files []input) []int {
	ids := make([]int, len(files))
	seen := make(map[int]bool)
	for i, f := range files {
		m := numbered.FindStringSubmatch(f.path)
		if m == nil || strings.EqualFold(filepath.Ext(f.path), ".gif") { // which may have many pictures
			return nil
		}
		id, err := strconv.Atoi(m[1])
		if err != nil || seen[id] {
			return nil
		}
		ids[i], seen[id] = id, true
	}
	return ids
}
