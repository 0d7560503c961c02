package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ParseNames reads the content of a file with the names of classes: a JSON array
// of strings, or a name a line, without the blanks around it; a byte order mark
// before and blanks and empty lines around either do not count. It returns an
// error for no names at all and for names with control characters, which are
// signs of another kind of file.
func ParseNames(data []byte) ([]string, error) {
	text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	var names []string
	if strings.HasPrefix(text, "[") {
		if err := json.Unmarshal([]byte(text), &names); err != nil {
			return nil, fmt.Errorf("not a JSON array of names: %w", err)
		}
	} else if text != "" {
		for line := range strings.Lines(text) {
			names = append(names, strings.TrimSpace(line))
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no names in it")
	}
	for i, name := range names {
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
			return nil, fmt.Errorf("name %d, %.40q, is not a name", i, name)
		}
	}
	return names, nil
}

// AddBackground returns the names of a detector's classes with torchvision's
// "__background__" before them if just that one is missing: lists of names are
// common without it. Other names, nil among them, are returned as they are.
func AddBackground(names []string, classes int) []string {
	if len(names) == 0 || len(names) != classes-1 {
		return names
	}
	return append([]string{"__background__"}, names...)
}

// maxNamesBytes is the size up to which a file of names is read: a path to a
// checkpoint in its place is a mistake to tell of, and not to read.
const maxNamesBytes = 16 << 20

// readNames reads a file of names on any filesystem of Beam's.
func readNames(ctx context.Context, path string) ([]string, error) {
	data, err := ReadFile(ctx, path, maxNamesBytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	names, err := ParseNames(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return names, nil
}
