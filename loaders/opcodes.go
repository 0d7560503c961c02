package loaders

// An opcode is what the scanner must know of one of pickle's instructions.
type opcode struct {
	name   string
	fixed  int  // bytes of the argument
	prefix int  // bytes of a count before an argument of that many bytes
	lines  int  // lines of text that are the argument
	text   bool // whether these lines are a string of the user's
	number bool // whether the counted argument is a number
	toMark bool // takes everything down to the topmost MARK
	pairs  bool // what it takes to the MARK are keys and values
	pop    int  // values it takes, below the MARK if toMark
	push   int  // values it leaves, 0 or 1
	cost   int  // estimated bytes of memory, besides stack and memo
	item   int  // the same, for each value taken down to the MARK
}

// opcodes has the instructions of protocols 0 to 5 that torch.save can write;
// all others are refused: extension codes, out-of-band buffers, and the
// persistent ids of protocol 0, which name a storage as a text that torch
// itself cannot read back. Costs are upper bounds of what gopickle's machine
// allocates, measured for amd64.
var opcodes = [256]opcode{
	'\x80': {name: "PROTO", fixed: 1},
	'\x95': {name: "FRAME", fixed: 8},
	'.':    {name: "STOP", pop: 1},

	'(': {name: "MARK", cost: 16*16 + 24},
	'0': {name: "POP", pop: 1},
	'1': {name: "POP_MARK", toMark: true},
	'2': {name: "DUP", push: 1}, // leaves what it copies

	'N':    {name: "NONE", push: 1},
	'\x88': {name: "NEWTRUE", push: 1},
	'\x89': {name: "NEWFALSE", push: 1},
	'I':    {name: "INT", lines: 1, push: 1, cost: 80},
	'L':    {name: "LONG", lines: 1, push: 1, cost: 200},
	'J':    {name: "BININT", fixed: 4, push: 1, cost: 16},
	'K':    {name: "BININT1", fixed: 1, push: 1, cost: 16},
	'M':    {name: "BININT2", fixed: 2, push: 1, cost: 16},
	'\x8a': {name: "LONG1", prefix: 1, push: 1, cost: 600, number: true},
	'\x8b': {name: "LONG4", prefix: 4, push: 1, cost: 600 + 4*longestNumber, number: true},
	'F':    {name: "FLOAT", lines: 1, push: 1, cost: 80},
	'G':    {name: "BINFLOAT", fixed: 8, push: 1, cost: 16},

	'S':    {name: "STRING", lines: 1, text: true, push: 1, cost: 32},
	'V':    {name: "UNICODE", lines: 1, text: true, push: 1, cost: 32},
	'T':    {name: "BINSTRING", prefix: 4, push: 1, cost: 32},
	'U':    {name: "SHORT_BINSTRING", prefix: 1, push: 1, cost: 32},
	'X':    {name: "BINUNICODE", prefix: 4, push: 1, cost: 32},
	'\x8c': {name: "SHORT_BINUNICODE", prefix: 1, push: 1, cost: 32},
	'\x8d': {name: "BINUNICODE8", prefix: 8, push: 1, cost: 32},
	'B':    {name: "BINBYTES", prefix: 4, push: 1, cost: 40},
	'C':    {name: "SHORT_BINBYTES", prefix: 1, push: 1, cost: 40},
	'\x8e': {name: "BINBYTES8", prefix: 8, push: 1, cost: 40},
	'\x96': {name: "BYTEARRAY8", prefix: 8, push: 1, cost: 40},

	')':    {name: "EMPTY_TUPLE", push: 1, cost: 32},
	'\x85': {name: "TUPLE1", pop: 1, push: 1, cost: 48},
	'\x86': {name: "TUPLE2", pop: 2, push: 1, cost: 64},
	'\x87': {name: "TUPLE3", pop: 3, push: 1, cost: 80},
	't':    {name: "TUPLE", toMark: true, push: 1, cost: 32},
	']':    {name: "EMPTY_LIST", push: 1, cost: 96},
	'l':    {name: "LIST", toMark: true, push: 1, cost: 32},
	'a':    {name: "APPEND", pop: 2, push: 1, cost: 48},
	'e':    {name: "APPENDS", toMark: true, pop: 1, push: 1, item: 48},
	'}':    {name: "EMPTY_DICT", push: 1, cost: 96},
	'd':    {name: "DICT", toMark: true, pairs: true, push: 1, cost: 32, item: 48},
	's':    {name: "SETITEM", pop: 3, push: 1, cost: 320},
	'u':    {name: "SETITEMS", toMark: true, pairs: true, pop: 1, push: 1, item: 160},
	'\x8f': {name: "EMPTY_SET", push: 1, cost: 256},
	'\x90': {name: "ADDITEMS", toMark: true, pop: 1, push: 1, item: 80},
	'\x91': {name: "FROZENSET", toMark: true, push: 1, cost: 64, item: 80},

	'c':    {name: "GLOBAL", lines: 2, push: 1, cost: 512},
	'\x93': {name: "STACK_GLOBAL", pop: 2, push: 1, cost: 512},
	'R':    {name: "REDUCE", pop: 2, push: 1, cost: 512},
	'\x81': {name: "NEWOBJ", pop: 2, push: 1, cost: 512},
	'\x92': {name: "NEWOBJ_EX", pop: 3, push: 1, cost: 512},
	'i':    {name: "INST", lines: 2, toMark: true, push: 1, cost: 512, item: 16},
	'o':    {name: "OBJ", toMark: true, push: 1, cost: 512, item: 16},
	'b':    {name: "BUILD", pop: 2, push: 1, cost: 512},
	'Q':    {name: "BINPERSID", pop: 1, push: 1, cost: 512},

	'g':    {name: "GET", lines: 1, push: 1},
	'p':    {name: "PUT", lines: 1, cost: 96},
	'h':    {name: "BINGET", fixed: 1, push: 1},
	'j':    {name: "LONG_BINGET", fixed: 4, push: 1},
	'q':    {name: "BINPUT", fixed: 1, cost: 96},
	'r':    {name: "LONG_BINPUT", fixed: 4, cost: 96},
	'\x94': {name: "MEMOIZE", cost: 96},
}
