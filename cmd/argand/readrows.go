package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argand-go/argand/beamio"
	"github.com/parquet-go/parquet-go"
)

// open opens a file in any of Beam's file systems for reading.
func open(ctx context.Context, path string) (io.ReadCloser, error) {
	files, err := beamio.FileSystem(ctx, path)
	if err != nil {
		return nil, err
	}
	return files.OpenRead(ctx, path)
}

// eachLine calls do for each line of a file of JSON lines, which may be larger than memory.
func eachLine[T any](ctx context.Context, path string, do func(T)) error {
	r, err := open(ctx, path)
	if err != nil {
		return err
	}
	defer r.Close()
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("%s: %w", path, err)
		}
		if len(line) == 0 {
			return nil
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, n, err)
		}
		do(v)
	}
}

// eachParquet is eachLine for the rows of a Parquet file. One that is elsewhere is copied: it is read from its end.
func eachParquet[T any](ctx context.Context, path string, do func(T)) error {
	local := path
	if isRemote(path) {
		r, err := open(ctx, path)
		if err != nil {
			return err
		}
		defer r.Close()
		copied, err := os.CreateTemp("", "argand-*.parquet")
		if err != nil {
			return err
		}
		defer os.Remove(copied.Name())
		defer copied.Close()
		if _, err := io.Copy(copied, r); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		local = copied.Name()
	}
	f, err := os.Open(local)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	rows := parquet.NewGenericReader[T](file)
	defer rows.Close()
	for some := make([]T, 64); ; {
		n, err := rows.Read(some)
		for _, v := range some[:n] {
			do(v)
		}
		clear(some) // rows that were handed over keep their slices
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}
