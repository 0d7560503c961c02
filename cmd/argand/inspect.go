package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

func newInspect(stdout, stderr io.Writer) *cobra.Command {
	i := &inspect{stdout: stdout, stderr: stderr}
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "List the tensors of a checkpoint and name its architecture",
		Long: "Inspect lists the tensors of a PyTorch or safetensors checkpoint in the order of the file, without running\n" +
			"anything in it. FILE may be in any of Beam's file systems, as gs://bucket/model.pth; such a file is read once.\n" +
			"Keys of nested dictionaries are joined by dots, items of lists have their number.\n\n" +
			"A file that names Python classes other than those of plain tensors is opened inert: its classes stay closed.\n" +
			"The last lines tell of that, of what Python would import to load the file, and of the values that are no tensors.",
		Args: exactly("inspect", 1, "checkpoint file"),
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd.Context(), args[0]) },
	}
	f := cmd.Flags()
	f.BoolVar(&i.json, "json", false, "print one JSON object instead of a table")
	f.BoolVar(&i.stats, "stats", false, "count NaN and infinities, and tell minimum, maximum and mean of what is finite")
	f.BoolVar(&i.digest, "digest", false, "tell the SHA-256 of each tensor's elements, little-endian, in C order")
	addSHA256(f, &i.sha256)
	return cmd
}

// inspect is the command of that name.
type inspect struct {
	json, stats, digest bool
	sha256              string // of the file, empty for any
	stdout, stderr      io.Writer
}

func (i *inspect) run(ctx context.Context, path string) error {
	c, err := openFile(ctx, path, i.sha256, loaders.WithInert())
	if err != nil {
		return err
	}
	r := newReport(c)
	if i.stats || i.digest {
		if err := i.read(ctx, c, r); err != nil {
			return err
		}
	}
	if i.json {
		return json.NewEncoder(i.stdout).Encode(r)
	}
	return r.write(i.stdout)
}

// read touches the elements of all tensors, with a bar on a terminal.
func (i *inspect) read(ctx context.Context, c *loaders.Checkpoint, r *report) error {
	var total, done int64
	for _, x := range r.Tensors {
		total += x.Bytes
	}
	bar := newByteProgress(i.stderr, total, "reading")
	defer bar.clear()
	for n := range r.Tensors {
		if err := ctx.Err(); err != nil {
			return err
		}
		x := &r.Tensors[n]
		if info, _ := c.Info(x.Key); !info.DType.Valid() {
			r.Warnings = append(r.Warnings, fmt.Sprintf("%s: the elements of %s cannot be read", printable(x.Key), x.DType))
			continue
		}
		t, err := c.Tensor(x.Key)
		if err != nil {
			return err
		}
		if i.digest {
			x.Digest = digestOf(t)
		}
		if i.stats {
			if x.Stats, err = statsOf(t); err != nil {
				return fmt.Errorf("%s: %w", x.Key, err)
			}
			if w := x.Stats.warning(); w != "" {
				r.Warnings = append(r.Warnings, printable(x.Key)+": "+w)
			}
		}
		runtime.KeepAlive(t) // and with it the mapped file, whose bytes were read
		done += x.Bytes
		bar.set(int(done))
	}
	return nil
}

// openFile opens a checkpoint in any of Beam's file systems, whose SHA-256 is digits unless they are empty.
func openFile(ctx context.Context, path, digits string, opts ...loaders.Option) (*loaders.Checkpoint, error) {
	if digits != "" {
		opts = append(opts, loaders.WithSHA256(digits))
	}
	if err := answers(ctx, path, reachTime); err != nil {
		return nil, err
	}
	return beamio.OpenCheckpoint(ctx, path, opts...)
}

// A report is what inspect tells of a checkpoint.
type report struct {
	Tensors      []tensorReport    `json:"tensors"`
	Architecture string            `json:"architecture"` // empty if none is recognised
	Format       string            `json:"format"`       // "torch zip", say
	Globals      []string          `json:"globals"`      // the Python functions and classes that the file names
	Refused      []string          `json:"refused"`      // those of them that keep it from being opened other than inert
	Inert        bool              `json:"inert"`        // whether there are any
	Ignored      []string          `json:"ignored"`      // names of the values that are not tensors
	Metadata     map[string]string `json:"metadata"`     // __metadata__ of a safetensors file
	Warnings     []string          `json:"warnings"`
	summary      string            // Architecture with its sizes
}

// A tensorReport is one tensor of a report.
type tensorReport struct {
	Key          string  `json:"key"`
	DType        string  `json:"dtype"`                 // PyTorch's name, "float32"
	Shape        []int   `json:"shape"`                 // empty for a scalar
	Strides      []int   `json:"strides"`               // in elements, as in the file
	Bytes        int64   `json:"bytes"`                 // of the elements, 0 for types that no tensor here can hold
	Storage      int     `json:"storage"`               // its number, -1 if there is none
	StorageBytes int64   `json:"storage_bytes"`         // of the storage
	SharesWith   *string `json:"shares_with,omitempty"` // the first tensor in the same storage, unless it is this one
	Shard        string  `json:"shard,omitempty"`       // the file it is in if there are several
	Digest       string  `json:"digest,omitempty"`      // SHA-256 of the elements in hexadecimal, with --digest
	Stats        *stats  `json:"stats,omitempty"`       // with --stats
}

func newReport(c *loaders.Checkpoint) *report {
	r := &report{Tensors: []tensorReport{}, Format: c.Format(), Globals: []string{}, Refused: []string{},
		Ignored: append([]string{}, c.Ignored()...), Metadata: c.Metadata(), Warnings: []string{}}
	first := map[int]*string{}
	for _, key := range c.Keys() {
		info, _ := c.Info(key)
		x := tensorReport{Key: key, DType: info.Type, Shape: append([]int{}, info.Shape...), Bytes: info.Bytes,
			Strides: append([]int{}, info.Strides...), Storage: info.Storage, StorageBytes: info.StorageBytes, Shard: info.Shard}
		if f, ok := first[x.Storage]; ok && x.Storage >= 0 {
			x.SharesWith = f
		} else {
			first[x.Storage] = &key
		}
		r.Tensors = append(r.Tensors, x)
	}
	for _, g := range c.Globals() {
		r.Globals = append(r.Globals, g.String())
		if !g.Allowed {
			r.Refused = append(r.Refused, g.String())
		}
	}
	r.Inert = len(r.Refused) > 0
	a, err := vision.Recognize(c)
	r.Architecture, r.summary = a.Name, a.String()
	if err != nil && a.Name != "" {
		r.summary += ", which this version cannot run"
	}
	return r
}
