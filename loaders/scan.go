package loaders

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// longestNumber bounds the bytes of one integer: turning them into a number
// takes time with their square.
const longestNumber = 4096

// A slotKind is what the scanner knows of a value on the stack.
type slotKind uint8

const (
	anyValue    slotKind = iota
	text                 // a string of the pickle: data[at : at+n]
	binaryText           // bytes: data[at : at+n]
	callable             // functions[at] of the scanner
	emptyTuple           // ()
	orderedDict          // what collections.OrderedDict() returned
	inertObject          // what takes a state: an object, an array, a NumPy type
	parameter            // what torch.nn.Parameter returned, which takes a state
)

// A slot is a value on the stack, as far as the scanner knows it.
type slot struct {
	kind  slotKind
	at, n int32
}

// A scanner walks over the opcodes of a pickle once, without building
// anything, and proves what gopickle's machine takes for granted: that every
// length lies inside the pickle, that no instruction takes from an empty stack,
// that every memo is set before it is read, that only allowed functions are
// called, and that memory stays below the limits. It knows the exact module
// and name of every global, also of those whose names come from the stack,
// because it refuses names that are not strings of the pickle itself.
type scanner struct {
	file   *file
	member string
	base   int64 // of data in the file or the member
	data   []byte

	pos       int // of the next opcode or argument
	op        int // position of the current opcode
	frame     int // end of the current frame
	stack     []slot
	marks     []int // heights of the stack at the open MARKs
	memo      memo
	functions []*function
	named     map[string]int // place in functions, -1 for a global of another kind; by module, "\n" and name
	globals   []Global
	patches   []patch
	memory    int64 // estimate of what the machine allocates
	repeated  int64 // bytes of strings pushed, counting repetitions
	short     bool  // whether the scan failed for want of bytes
}

// A patch is a byte that the machine must see instead of the file's, for what
// it cannot do itself; see [scanner.global].
type patch struct {
	at int
	to byte
}

// scan returns the length of the pickle, up to its STOP.
func (s *scanner) scan() (int, error) {
	if len(s.data) > math.MaxInt32 {
		return 0, s.fail("a pickle of 2 GiB or more")
	}
	for ops := 0; ; ops++ {
		if ops >= s.file.limits.PickleOps {
			return 0, s.limit("PickleOps", int64(s.file.limits.PickleOps), "opcodes of the pickle")
		}
		if s.pos >= len(s.data) {
			return 0, s.truncated("no STOP")
		}
		s.op = s.pos
		code := s.data[s.pos]
		s.pos++
		o := &opcodes[code]
		if o.name == "" {
			return 0, s.fail(fmt.Sprintf("opcode %#02x is not allowed in a checkpoint; "+
				"save with the default pickle protocol", code))
		}
		if err := s.step(code, o); err != nil {
			return 0, err
		}
		if code == '.' {
			if len(s.marks) > 0 {
				return 0, s.fail("STOP inside a MARK")
			}
			return s.pos, nil
		}
	}
}

// step reads the argument of an opcode and applies it to the stack.
func (s *scanner) step(code byte, o *opcode) error {
	arg, err := s.argument(o)
	if err != nil {
		return err
	}
	height := len(s.stack)
	if o.toMark {
		if len(s.marks) == 0 {
			return s.fail(o.name + " without MARK")
		}
		height = s.marks[len(s.marks)-1]
		s.marks = s.marks[:len(s.marks)-1]
	}
	items := len(s.stack) - height
	if o.pairs && items%2 != 0 {
		return s.fail(o.name + " of a key without value")
	}
	floor := 0
	if len(s.marks) > 0 {
		floor = s.marks[len(s.marks)-1]
	}
	if height-floor < o.pop {
		return s.fail(o.name + " on an empty stack")
	}
	taken := s.stack[height-o.pop : len(s.stack)]
	s.memory += int64(o.cost) + int64(o.item)*int64(items) + int64(o.push)*32 + 2*int64(len(arg))
	if s.memory > s.file.limits.PickleMemory {
		return s.limit("PickleMemory", s.file.limits.PickleMemory, "memory for the pickle")
	}
	result, err := s.apply(code, o, arg, taken, items)
	if err != nil {
		return err
	}
	s.stack = s.stack[:height-o.pop]
	if o.push == 0 {
		return nil
	}
	if most := max(s.file.limits.Entries, 1<<16); len(s.stack) >= most {
		return s.limit("Entries", int64(most), "values on the stack")
	}
	if len(s.stack) == cap(s.stack) {
		s.stack = slices.Grow(s.stack, max(256, len(s.stack))) // append would copy it more often
	}
	s.stack = append(s.stack, result)
	return s.repetition(result)
}

// argument returns the argument of an opcode, without its count.
func (s *scanner) argument(o *opcode) ([]byte, error) {
	n := uint64(o.fixed)
	switch {
	case o.lines > 0:
		longest := 1024 // for two names
		if o.text {
			longest = s.file.limits.StringBytes
		}
		line := s.data[s.pos:min(len(s.data), s.pos+longest)]
		n = 0
		for range o.lines {
			i := bytes.IndexByte(line[n:], '\n')
			if i < 0 {
				s.short = len(line) < longest
				return nil, s.fail(o.name + " of an unterminated line")
			}
			n += uint64(i) + 1
		}
	case o.prefix > 0:
		if len(s.data)-s.pos < o.prefix {
			return nil, s.truncated(o.name + " has no count")
		}
		var count [8]byte
		copy(count[:], s.data[s.pos:s.pos+o.prefix])
		n = binary.LittleEndian.Uint64(count[:])
		s.pos += o.prefix
		if o.number && n > longestNumber {
			return nil, s.fail(fmt.Sprintf("%s of %d bytes", o.name, n))
		}
		if n > uint64(s.file.limits.StringBytes) {
			return nil, s.limit("StringBytes", int64(s.file.limits.StringBytes), fmt.Sprintf("%s of %d bytes", o.name, n))
		}
	}
	if n > uint64(len(s.data)-s.pos) {
		return nil, s.truncated(fmt.Sprintf("%s of %d bytes, %d are left", o.name, n, len(s.data)-s.pos))
	}
	if s.op < s.frame && s.pos+int(n) > s.frame {
		return nil, s.fail(o.name + " crosses the end of a frame")
	}
	arg := s.data[s.pos : s.pos+int(n)]
	s.pos += int(n)
	return arg, nil
}

// apply checks what is special about an opcode and returns the value it leaves.
func (s *scanner) apply(code byte, o *opcode, arg []byte, taken []slot, items int) (slot, error) {
	switch code {
	case '\x80': // PROTO
		if arg[0] > 5 {
			return slot{}, s.fail(fmt.Sprintf("pickle protocol %d", arg[0]))
		}
	case '\x95': // FRAME
		n := binary.LittleEndian.Uint64(arg)
		if s.op < s.frame {
			return slot{}, s.fail("FRAME inside a frame")
		}
		if n > uint64(len(s.data)-s.pos) {
			return slot{}, s.truncated(fmt.Sprintf("FRAME of %d bytes, %d are left", n, len(s.data)-s.pos))
		}
		s.frame = s.pos + int(n)
		s.memory += int64(n)
	case '(':
		if len(s.marks) >= s.file.limits.Nesting {
			return slot{}, s.limit("Nesting", int64(s.file.limits.Nesting), "open MARKs")
		}
		s.marks = append(s.marks, len(s.stack))
	case 'I', 'L':
		return slot{}, s.number(o, arg)
	case 'F':
		return slot{}, s.float(arg)
	case '\x8a': // LONG1; an empty number is 0, which gopickle's machine knows as BININT1
		if len(arg) == 0 {
			s.patch(s.op, 'K')
		}
	case '\x8b': // LONG4; likewise BININT
		if len(arg) == 0 {
			s.patch(s.op, 'J')
		}
	case 'S', 'V':
		return s.line(code, o, arg)
	case 'X', 'T', 'U', '\x8c', '\x8d':
		return slot{text, int32(s.pos - len(arg)), int32(len(arg))}, nil
	case 'B', 'C', '\x8e', '\x96':
		return slot{binaryText, int32(s.pos - len(arg)), int32(len(arg))}, nil
	case ')':
		return slot{kind: emptyTuple}, nil
	case 't':
		if items == 0 {
			return slot{kind: emptyTuple}, nil
		}
	case 'c':
		return s.global(arg[:len(arg)-1], s.op+1)
	case '\x93': // STACK_GLOBAL
		if taken[0].kind != text || taken[1].kind != text {
			return slot{}, s.fail("STACK_GLOBAL of computed names")
		}
		return s.global([]byte(s.text(taken[0])+"\n"+s.text(taken[1])), 0)
	case 'R':
		return s.reduce(taken[0], taken[1])
	case '\x81': // NEWOBJ; to the machine a class is a function
		s.patch(s.op, 'R')
		return s.reduce(taken[0], taken[1])
	case '\x92', 'i', 'o':
		return s.instance(code, arg, taken)
	case 'b':
		if k := taken[0].kind; k != orderedDict && k != inertObject && k != parameter {
			return slot{}, s.fail("Can only build Tensor, Parameter, OrderedDict: BUILD of something else")
		}
		return taken[0], nil
	case 'Q':
		if s.file.inert { // the class of a module, in old files
			return slot{kind: inertObject}, nil
		}
	case 'a', 's', 'e', 'u', '\x90':
		if taken[0].kind == inertObject && !s.file.inert {
			return slot{}, s.fail(o.name + " to something else than a dict, a list or a set")
		}
		return taken[0], nil
	case '2', 'q', 'r', '\x94', 'h', 'j', 'g', 'p':
		return s.remember(code, o, arg)
	}
	return slot{}, nil
}

// remember applies the opcodes that copy the top of the stack or the memo.
func (s *scanner) remember(code byte, o *opcode, arg []byte) (slot, error) {
	var index [4]byte
	copy(index[:], arg)
	i := binary.LittleEndian.Uint32(index[:])
	if code == 'g' || code == 'p' {
		n, err := strconv.ParseUint(string(bytes.TrimSuffix(arg, []byte("\n"))), 10, 31)
		if err != nil {
			return slot{}, s.fail(o.name + " of something else than a number of 31 bits")
		}
		i = uint32(n)
	}
	if code == 'h' || code == 'j' || code == 'g' {
		v, ok := s.memo.get(i)
		if !ok {
			return slot{}, s.fail(fmt.Sprintf("%s of memo %d, which is not set", o.name, i))
		}
		return v, nil
	}
	floor := 0
	if len(s.marks) > 0 {
		floor = s.marks[len(s.marks)-1]
	}
	if len(s.stack) == floor {
		return slot{}, s.fail(o.name + " on an empty stack")
	}
	top := s.stack[len(s.stack)-1]
	switch code {
	case '\x94': // MEMOIZE
		s.memo.set(uint32(s.memo.len()), top)
	case 'q', 'r', 'p':
		s.memo.set(i, top)
	}
	return top, nil
}

// number checks the text of an integer.
func (s *scanner) number(o *opcode, arg []byte) error {
	digits := bytes.TrimSuffix(arg, []byte("\n"))
	if o.name == "LONG" {
		digits = bytes.TrimSuffix(digits, []byte("L"))
	}
	digits = bytes.TrimPrefix(digits, []byte("-"))
	if len(digits) == 0 || len(digits) > 300 {
		return s.fail(fmt.Sprintf("%s of %d digits", o.name, len(digits)))
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return s.fail(o.name + " of something else than digits")
		}
	}
	return nil
}

// float checks the text of a floating-point number.
func (s *scanner) float(arg []byte) error {
	if _, err := strconv.ParseFloat(string(bytes.TrimSuffix(arg, []byte("\n"))), 64); err != nil || len(arg) > 64 {
		return s.fail("FLOAT of something else than a number")
	}
	return nil
}

// line checks a string of protocol 0, which is quoted (STRING) or not
// (UNICODE). gopickle's machine takes it as it is, so escapes are refused.
func (s *scanner) line(code byte, o *opcode, arg []byte) (slot, error) {
	at, n := s.pos-len(arg), len(arg)-1
	if code == 'S' {
		if n < 2 || arg[0] != arg[n-1] || arg[0] != '\'' && arg[0] != '"' {
			return slot{}, s.fail("STRING without quotes")
		}
		at, n = at+1, n-2
	}
	if bytes.IndexByte(arg, '\\') >= 0 {
		return slot{}, s.fail(o.name + " with an escape is not read; save with the default pickle protocol")
	}
	return slot{text, int32(at), int32(n)}, nil
}

// repetition bounds how often long strings are pushed again from the memo:
// gopickle's machine prints all strings of a container in some of its errors.
func (s *scanner) repetition(v slot) error {
	if v.kind == text || v.kind == binaryText {
		s.repeated += int64(v.n)
		if s.repeated > 4*int64(len(s.data))+1<<20 {
			return s.fail("strings repeated beyond four times the pickle")
		}
	}
	return nil
}

func (s *scanner) text(v slot) string { return string(s.data[v.at : v.at+v.n]) }

func (s *scanner) patch(at int, to byte) { s.patches = append(s.patches, patch{at, to}) }

func (s *scanner) fail(msg string) error { return s.file.wrap(s.base+int64(s.op), s.member, msg, nil) }

// truncated reports that the data ends too soon.
func (s *scanner) truncated(msg string) error {
	s.short = true
	return s.fail("truncated pickle: " + msg)
}

func (s *scanner) limit(name string, max int64, msg string) error {
	at := fmt.Sprintf("byte %d: ", s.base+int64(s.op))
	if s.member != "" {
		at = s.member + ": " + at
	}
	return &LimitError{s.file.name, name, max, at + msg}
}
