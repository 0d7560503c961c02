package picture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// cocoRLE is the JSON form as it is read.
type cocoRLE struct {
	Size   []int           `json:"size"`
	Counts json.RawMessage `json:"counts"`
}

// MarshalJSON returns {"size":[H,W],"counts":"…"}. It leaves <, > and &, which counts may hold, to the encoder around
// it.
func (r RLE) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		Size   [2]int `json:"size"`
		Counts string `json:"counts"`
	}{[2]int{r.H, r.W}, r.Counts})
	return bytes.TrimSpace(buf.Bytes()), err
}

// UnmarshalJSON reads what MarshalJSON writes, and COCO's uncompressed form, whose counts are an array of runs. It
// checks the form only; Decode checks that the runs fill the picture.
func (r *RLE) UnmarshalJSON(data []byte) error {
	var c cocoRLE
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("picture: RLE: %w", err)
	}
	if len(c.Size) != 2 {
		return fmt.Errorf("picture: RLE: size has %d numbers, not [height, width]", len(c.Size))
	}
	if len(c.Counts) == 0 {
		return errors.New("picture: RLE: no counts")
	}
	out := RLE{H: c.Size[0], W: c.Size[1]}
	if c.Counts[0] == '[' {
		var runs []int
		if err := json.Unmarshal(c.Counts, &runs); err != nil {
			return fmt.Errorf("picture: RLE: counts: %w", err)
		}
		out.Counts = countsOf(runs)
	} else if err := json.Unmarshal(c.Counts, &out.Counts); err != nil {
		return fmt.Errorf("picture: RLE: counts: %w", err)
	}
	*r = out
	return nil
}

// An UncompressedRLE is a set of pixels in COCO's uncompressed run-length code, which COCO's files have for crowds. In
// JSON it is {"size":[H,W],"counts":[…]}.
type UncompressedRLE struct {
	Size   [2]int `json:"size"`   // Size is the picture's height and width.
	Counts []int  `json:"counts"` // Counts are the runs down the columns, beginning with one outside the set.
}

// Uncompressed returns the same runs as numbers, and Decode's errors.
func (r RLE) Uncompressed() (UncompressedRLE, error) {
	runs, err := r.runs()
	if err != nil {
		return UncompressedRLE{}, err
	}
	return UncompressedRLE{Size: [2]int{r.H, r.W}, Counts: runs}, nil
}

// Compress returns the same runs as COCO's compressed code. It returns an error if they do not fill the picture exactly
// or if one is negative.
func (u UncompressedRLE) Compress() (RLE, error) {
	r := RLE{H: u.Size[0], W: u.Size[1], Counts: countsOf(u.Counts)}
	if _, err := r.runs(); err != nil {
		return RLE{}, err
	}
	return r, nil
}
