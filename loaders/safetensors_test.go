package loaders_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
)

func TestSafetensorsRules(t *testing.T) {
	a, b := tensorHeader("a", "F32", "[2]", 0, 8), tensorHeader("b", "U8", "[3]", 8, 11)
	for _, header := range []string{
		"{}", "{" + a + "}", "{" + b + "," + a + "}", "{" + a + "," + b + "}   ",
		`{"__metadata__":{"k":"v"},` + a + "}", "{" + a + "," + tensorHeader("e", "F32", "[0,7]", 8, 8) + "}",
		"{" + tensorHeader("s", "I64", "[]", 0, 8) + "}", ` {`[1:] + a + "}",
		"{" + tensorHeader("odd", "F4", "[2]", 0, 1) + "}", // no whole bytes: listed, not read
	} {
		n := 0
		for _, end := range []int{11, 8, 1} {
			if strings.Contains(header, "data_offsets") && n == 0 && strings.Contains(header, ","+strconv.Itoa(end)+"]") {
				n = end
			}
		}
		c, err := loaders.OpenBytes(safetensorsOf(header, n), "f")
		if err != nil {
			t.Errorf("%s: %v", header, err)
			continue
		}
		if want := strings.Count(header, "dtype"); len(c.Keys()) != want {
			t.Errorf("%s: keys %q", header, c.Keys())
		}
	}
	var cases []want
	for _, c := range []struct {
		name, header string
		n            int
		text         string
	}{
		{"key twice", "{" + a + "," + tensorHeader("a", "U8", "[3]", 8, 11) + "}", 11, `"a" occurs twice`},
		{"key twice, escaped", "{" + a + `,"\u0061":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}}`, 11, "occurs twice"},
		{"dtype twice", `{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1, "occurs twice"},
		{"metadata twice", `{"__metadata__":{},"__metadata__":{}}`, 0, "occurs twice"},
		{"metadata of numbers", `{"__metadata__":{"a":1}}`, 0, "where a string should be"},
		{"hole", "{" + a + "," + tensorHeader("b", "U8", "[3]", 9, 12) + "}", 12, "hole or overlap"},
		{"hole at the start", "{" + tensorHeader("b", "U8", "[3]", 1, 4) + "}", 4, "hole or overlap"},
		{"overlap", "{" + a + "," + tensorHeader("b", "U8", "[3]", 7, 10) + "}", 10, "hole or overlap"},
		{"bytes left", "{" + a + "}", 9, "the last tensor ends here"},
		{"bytes missing", "{" + a + "}", 7, "in data of 7 bytes"},
		{"offsets backwards", "{" + tensorHeader("a", "U8", "[0]", 1, 0) + "}", 1, "data_offsets 1 to 0"},
		{"size wrong", "{" + tensorHeader("a", "F32", "[3]", 0, 8) + "}", 8, "takes 12 bytes"},
		{"product of 2^64", "{" + tensorHeader("a", "U8", "[4294967296,4294967296]", 0, 0) + "}", 0, "memory can address"},
		{"extent of 2^64", "{" + tensorHeader("a", "U8", "[18446744073709551616]", 0, 0) + "}", 0, "63 bits"},
		{"extent of -1", "{" + tensorHeader("a", "U8", "[-1]", 0, 1) + "}", 1, "63 bits"},
		{"extent of 1.0", "{" + tensorHeader("a", "U8", "[1.0]", 0, 1) + "}", 1, "63 bits"},
		{"extent of 1e0", "{" + tensorHeader("a", "U8", "[1e0]", 0, 1) + "}", 1, "63 bits"},
		{"extent of text", "{" + tensorHeader("a", "U8", `["1"]`, 0, 1) + "}", 1, "63 bits"},
		{"65 axes", "{" + tensorHeader("a", "U8", "["+strings.Repeat("1,", 64)+"1]", 0, 1) + "}", 1, "more than 64"},
		{"three offsets", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1, "more than 2 numbers"},
		{"no shape", `{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 1, "a tensor needs dtype, shape"},
		{"unknown field", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, 1, `"x" is no part`},
		{"tensor of text", `{"a":"b"}`, 0, "where { should be"},
		{"no end", "{" + a, 8, "damaged"},
		{"comma missing", "{" + a + tensorHeader("b", "U8", "[3]", 8, 11) + "}", 11, "damaged"},
		{"text after it", "{" + a + "}{}", 8, "text after the last brace"},
		{"no UTF-8", "{" + tensorHeader("a", "U8", "[1]", 0, 1) + "\xff}", 1, "not UTF-8"},
		{"bool of 2", "{" + tensorHeader("flag", "BOOL", "[1]", 0, 1) + "}", 0, "in data of 0 bytes"},
	} {
		cases = append(cases, want{c.name, safetensorsOf(c.header, c.n), c.text})
	}
	cases = append(cases,
		want{"header beyond the file", append([]byte("\x00\x10\x00\x00\x00\x00\x00\x00{"), '}'), "truncated file"},
		want{"header of 2^31", append([]byte("\x00\x00\x00\x80\x00\x00\x00\x00{"), '}'), "Limits.HeaderBytes"},
		want{"header of 2^63", append([]byte("\x00\x00\x00\x00\x00\x00\x00\x80{"), '}'), "neither"})
	refuse(t, cases)
	flag := safetensorsOf("{"+tensorHeader("flag", "BOOL", "[1]", 0, 1)+"}", 1)
	flag[len(flag)-1] = 2
	refuse(t, []want{{"bool of 2", flag, `tensor "flag": tensor: element 0 of a bool tensor is 0x2`}})
}
