package loaders

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"regexp"
	"strings"
)

// A ChecksumError reports a file whose SHA-256 is not the one that was asked
// for, or that none could be asked for.
type ChecksumError struct {
	Name string // the file
	Want string // hexadecimal digits that the checksum should begin with
	Got  string // the checksum of the file, empty if Want is not one
	Msg  string // what is wrong with Want, empty if Got is there
}

func (e *ChecksumError) Error() string {
	if e.Msg != "" {
		return fmt.Sprintf("loaders: %s: %s", e.Name, e.Msg)
	}
	return fmt.Sprintf("loaders: %s: SHA-256 is %s, want %s: the file is damaged, or another one", e.Name, e.Got, e.Want)
}

// nameChecksum is torch.hub's rule: resnet50-0676ba61.pth begins its SHA-256
// with these digits.
var nameChecksum = regexp.MustCompile(`-([a-f0-9]*)\.`)

// wanted returns the digits that the checksum of a file must begin with, empty
// if it is not to be checked.
func (o *options) wanted(name string) (string, error) {
	want := strings.ToLower(o.sha256)
	if o.hashed {
		if b, err := hex.DecodeString(want); err != nil || len(b) != sha256.Size {
			msg := fmt.Sprintf("%q is not a SHA-256 of 64 digits", clip(o.sha256))
			return "", &ChecksumError{Name: name, Want: o.sha256, Msg: msg}
		}
	}
	if !o.named {
		return want, nil
	}
	base := name[strings.LastIndexAny(name, `/\`)+1:]
	m := nameChecksum.FindStringSubmatch(base)
	if m == nil || len(m[1]) < 8 || len(m[1]) > 64 {
		return "", &ChecksumError{Name: name, Msg: `the name has no checksum, as "resnet50-0676ba61.pth" has`}
	}
	if !o.hashed {
		return m[1], nil
	}
	if !strings.HasPrefix(want, m[1]) {
		return "", &ChecksumError{Name: name, Want: m[1], Msg: "the checksum in the name is not the one that was given"}
	}
	return want, nil
}

func verify(h hash.Hash, name, want string) error {
	if got := hex.EncodeToString(h.Sum(nil)); !strings.HasPrefix(got, want) {
		return &ChecksumError{Name: name, Want: want, Got: got}
	}
	return nil
}

// verified returns src after comparing its checksum. A source that has to be
// read is read once, into memory, so that what was compared is what is used.
func (f *file) verified(src source, want string) (source, error) {
	if want == "" {
		return src, nil
	}
	h := sha256.New()
	m, ok := src.(*memory)
	if !ok {
		data, err := readAll(io.TeeReader(io.NewSectionReader(src, 0, src.size()), h), src.size())
		if err != nil {
			return nil, f.wrap(-1, "", "cannot be read", err)
		}
		m = newMemory(data, nil)
	} else {
		h.Write(m.data)
	}
	return m, verify(h, f.name, want)
}
