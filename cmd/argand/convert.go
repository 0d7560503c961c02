package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/argand-go/argand/loaders"
	"github.com/spf13/cobra"
)

func newConvert(stderr io.Writer) *cobra.Command {
	c := &convert{stderr: stderr}
	cmd := &cobra.Command{
		Use:   "convert IN OUT",
		Short: "Write a checkpoint in another format",
		Long: "Convert writes the tensors of the checkpoint IN, of any format and in any of Beam's file systems, to the\n" +
			"file OUT, bit for bit: as safetensors if its name ends in .safetensors, as torch.save does if it ends in\n" +
			".pth, .pt or .bin. OUT appears whole or not at all.\n\n" +
			"All keys of IN are in OUT, those of nested dictionaries joined by dots, and all elements, in C order. What\n" +
			"cannot be kept is told on stderr: values that are not tensors; tied tensors, which share memory in a torch\n" +
			"file and are written one by one to safetensors; and the texts of a safetensors file. The versions of modules,\n" +
			"by which PyTorch renames keys of its old files, are kept in torch files only.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("convert takes 2 files, IN and OUT, got %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd.Context(), args[0], args[1]) },
	}
	f := cmd.Flags()
	f.BoolVar(&c.force, "force", false, "replace OUT if it is there")
	f.BoolVar(&c.inert, "inert", false, "also take files that name Python classes, as torch.save(model) writes them; "+
		"the classes stay closed")
	addSHA256(f, &c.sha256)
	return cmd
}

// convert is the command of that name.
type convert struct {
	force, inert bool
	sha256       string // of the file that is read, empty for any
	stderr       io.Writer
}

func (c *convert) run(ctx context.Context, in, out string) error {
	write, err := writerFor(out)
	if err != nil {
		return misused(err)
	}
	if err := c.mayWrite(out); err != nil {
		return err
	}
	var opts []loaders.Option
	if c.inert {
		opts = append(opts, loaders.WithInert())
	}
	src, err := openFile(ctx, in, c.sha256, opts...)
	if _, refused := errors.AsType[*loaders.GlobalError](err); refused {
		return fmt.Errorf("%w; --inert takes it without running it", err)
	}
	if err != nil {
		return err
	}
	if len(src.Keys()) == 0 {
		return fmt.Errorf("%s: no tensors in it", in)
	}
	var total int64
	for _, key := range src.Keys() {
		info, _ := src.Info(key)
		total += info.Bytes
	}
	bar := newByteProgress(c.stderr, total, "writing")
	err = writeFile(out, func(w io.Writer) error {
		return write(&meteredWriter{w: w, ctx: ctx, bar: bar, total: total}, src)
	})
	bar.clear()
	if err != nil {
		return err
	}
	return c.tellLosses(src, out)
}

// writerFor returns what writes the format that a file's name asks for.
func writerFor(path string) (func(io.Writer, loaders.Tensors) error, error) {
	if isRemote(path) {
		return nil, fmt.Errorf("%s: convert writes local files only", path)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".safetensors":
		return loaders.WriteSafetensors, nil
	case ".pth", ".pt", ".bin":
		return loaders.WriteTorch, nil
	}
	return nil, fmt.Errorf("%s: the name must end in .safetensors, .pth, .pt or .bin, which says the format", path)
}

// mayWrite returns an error if something is in the way of the file at path.
func (c *convert) mayWrite(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a directory", path)
	case !c.force:
		return fmt.Errorf("%s is there already; --force replaces it", path)
	}
	return nil
}

// A meteredWriter moves a bar by what passes through it, and stops when ctx ends.
type meteredWriter struct {
	w           io.Writer
	ctx         context.Context
	bar         *progress
	done, total int64
}

// Write implements [io.Writer].
func (m *meteredWriter) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if err := m.ctx.Err(); err != nil {
			return n, err
		}
		k, err := m.w.Write(p[n:min(n+meteredPiece, len(p))])
		n += k
		m.done += int64(k)
		m.bar.set(int(min(m.done, m.total))) // the directory comes on top
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// meteredPiece is how many bytes are written between two movements of the bar.
const meteredPiece = 4 << 20
