package beamio

import (
	"bytes"
	"fmt"
	"io"
	"reflect"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/coder"
)

func init() {
	beam.RegisterFunction(encodeRow)
	beam.RegisterFunction(decodeRow)
}

// registerRow makes a struct known to Beam whose values may cross stages. They
// are encoded as Beam's rows, but runners are not told so. Go's SDK writes null
// for a nil slice, into a field that it declares never to be null. Runners in
// Java take rows apart and put them together again, lose the null and its mark,
// and what is behind it is taken for the slice: elements disappear. Flink, by
// Beam 2.62, lost all pictures of MatchImages but one.
func registerRow(t reflect.Type) {
	beam.RegisterType(t)
	beam.RegisterCoder(t, encodeRow, decodeRow)
}

// rowCoders has what Beam builds for a type, which takes longer than a row does: reflect.Type → *rowCoder.
var rowCoders sync.Map

type rowCoder struct {
	encode func(any, io.Writer) error
	decode func(io.Reader) (any, error)
}

func rowCoderOf(t reflect.Type) (*rowCoder, error) {
	if c, ok := rowCoders.Load(t); ok {
		return c.(*rowCoder), nil
	}
	var c rowCoder
	var err error
	if c.encode, err = coder.RowEncoderForStruct(t); err != nil {
		return nil, err
	}
	if c.decode, err = coder.RowDecoderForStruct(t); err != nil {
		return nil, err
	}
	rowCoders.Store(t, &c)
	return &c, nil
}

// encodeRow and decodeRow are not generic: Beam looks for coders by the name of their function, and all instances of a
// generic function have one.
func encodeRow(v beam.T) ([]byte, error) {
	c, err := rowCoderOf(reflect.TypeOf(v))
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = c.encode(v, &b)
	return b.Bytes(), err
}

func decodeRow(t reflect.Type, data []byte) (beam.T, error) {
	c, err := rowCoderOf(t)
	if err != nil {
		return nil, err
	}
	r := bytes.NewReader(data)
	row, err := c.decode(r)
	switch {
	case err == io.EOF: // which Beam takes for the end of a buffer, and goes on without what is behind
		return nil, fmt.Errorf("beamio: a %v ends early: %w", t, io.ErrUnexpectedEOF)
	case err == nil && r.Len() > 0:
		return nil, fmt.Errorf("beamio: %d bytes behind a %v", r.Len(), t)
	}
	return row, err
}
