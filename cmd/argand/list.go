package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// checkList counts the names in --list, which may be read only once: then it is copied to where workers on this machine
// can read it.
func (p *pipeline) checkList(ctx context.Context, j *job, scratch string) error {
	if isRemote(j.names) {
		_, err := p.reached(ctx, j.names)
		return err
	}
	read := make(chan error, 1)
	go func() { read <- j.readList(scratch) }()
	select {
	case err := <-read:
		return err
	case <-ctx.Done(): // nobody may write to a pipe
		return ctx.Err()
	}
}

// readList does that for a file of this machine.
func (j *job) readList(scratch string) error {
	file := os.Stdin
	if j.names != "-" {
		var err error
		if file, err = os.Open(j.names); err != nil {
			return fmt.Errorf("--list: %w", err)
		}
		defer file.Close()
	}
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("--list: %w", err)
	}
	if info.IsDir() {
		return fmt.Errorf("--list %s: a directory; for the files in it give --input %s", j.names, joinPath(j.names, "*"))
	}
	kept := io.Discard
	name := j.names
	if !info.Mode().IsRegular() || j.names == "-" {
		j.names = filepath.Join(scratch, "list.txt")
		copied, err := os.Create(j.names)
		if err != nil {
			return err
		}
		defer copied.Close()
		kept = copied
	}
	if j.total, err = countNames(io.TeeReader(file, kept)); err != nil {
		return fmt.Errorf("--list %s: %w", name, err)
	}
	return nil
}

// countNames counts the names in a list as beamio.ListImages reads it.
func countNames(r io.Reader) (names int, err error) {
	const longest = 64 << 10
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longest)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Bytes()
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\uFEFF"))
		}
		if !utf8.Valid(line) {
			return 0, fmt.Errorf("line %d is not UTF-8", n)
		}
		if len(line) > 0 {
			names++
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return 0, fmt.Errorf("line %d is longer than %d bytes", n+1, longest)
	} else if err != nil {
		return 0, fmt.Errorf("line %d: %w", n+1, err)
	}
	if names == 0 {
		return 0, errors.New("no names in it")
	}
	return names, nil
}
