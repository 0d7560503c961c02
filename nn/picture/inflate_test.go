package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"
)

// chunked puts data into IDAT chunks of n bytes.
func chunked(data []byte, n int) *pngData {
	var b []byte
	for len(data) > 0 {
		part := data[:min(n, len(data))]
		data = data[len(part):]
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		at := len(b)
		b = append(append(b, "IDAT"...), part...)
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[at:]))
	}
	return &pngData{rest: b}
}

// inflated decompresses n bytes.
func inflated(source *pngData, n int) ([]byte, error) {
	f, out := new(inflater), make([]byte, n)
	if err := f.reset(source); err != nil {
		return nil, err
	}
	half := n / 2 // in two parts, as rows come
	if err := f.readFull(out[:half]); err != nil {
		return nil, err
	}
	return out, f.readFull(out[half:])
}

// TestInflate compresses with Go's library at every level, and decompresses from chunks of several sizes.
func TestInflate(t *testing.T) {
	noisy := make([]byte, 300_000)
	for i, v := range noise(len(noisy), 3) {
		noisy[i] = byte(v * 256)
	}
	gentle := bytes.Clone(noisy)
	for i := range gentle {
		gentle[i] = byte(i>>5) + noisy[i]&3
	}
	far := append(append(bytes.Clone(noisy[:32<<10]), noisy[:32<<10]...), noisy[:100]...)
	for name, data := range map[string][]byte{
		"nothing": nil, "one": {7}, "zeros": make([]byte, 500_000), "noise": noisy, "gentle": gentle, "far": far,
		"text": bytes.Repeat([]byte("a filter for each row, "), 9000),
	} {
		for level := zlib.HuffmanOnly; level <= zlib.BestCompression; level++ {
			var b bytes.Buffer
			w, err := zlib.NewWriterLevel(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(data)
			w.Close()
			for _, n := range []int{1 << 20, 8192, 13} {
				got, err := inflated(chunked(b.Bytes(), n), len(data))
				if err != nil || !bytes.Equal(got, data) {
					t.Errorf("%s, level %d, chunks of %d bytes: %v", name, level, n, err)
				}
			}
			if _, err := inflated(chunked(b.Bytes(), 99), len(data)+1); err == nil {
				t.Errorf("%s, level %d: more than there is", name, level)
			}
		}
	}
}

// FuzzInflate compares with Go's library: what that makes of anything, and what it has compressed.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("x\x9cK\xcc$\x16\x00\x00\x1dJ\x09\x91"), uint16(30), uint8(6))
	f.Add([]byte("x\x01\x01\x03\x00\xfc\xffabc"), uint16(3), uint8(0))
	f.Add([]byte("x\x9c\xed\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xafn\x08\n\x00"), uint16(300), uint8(9))
	f.Fuzz(func(t *testing.T, data []byte, n uint16, chunk uint8) {
		if len(data) == 0 {
			return
		}
		got, err := inflated(chunked(data, int(chunk)+1), int(n))
		want := make([]byte, n)
		r, broken := zlib.NewReader(bytes.NewReader(data))
		if broken == nil {
			_, broken = io.ReadFull(r, want)
		}
		sound := broken == nil
		if sound { // to its end: damage there may show before
			_, e := io.Copy(io.Discard, r)
			sound = e == nil || e == zlib.ErrChecksum
		}
		switch {
		case n > 0 && err == nil && broken != nil:
			t.Errorf("%d bytes, want %v", n, broken)
		case sound && err != nil:
			t.Errorf("%d bytes: %v", n, err)
		case err == nil && broken == nil && !bytes.Equal(got, want):
			t.Errorf("%d bytes are others", n)
		}
		var b bytes.Buffer
		w, err := zlib.NewWriterLevel(&b, int(chunk)%12-2)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(data)
		w.Close()
		if got, err := inflated(chunked(b.Bytes(), int(chunk)+1), len(data)); err != nil || !bytes.Equal(got, data) {
			t.Errorf("compressed by Go: %v", err)
		}
	})
}
