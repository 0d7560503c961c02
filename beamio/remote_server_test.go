package beamio

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// v2Server is a server of the Open Inference Protocol, written after its
// specification and Triton's of the binary tensor data extension, and strict: it
// shares no code with Remote. It takes raw elements, little-endian, of any type.
type v2Server struct {
	model   func(in []v2Tensor) ([]v2Tensor, error)
	before  func(w http.ResponseWriter, r *http.Request, n int) (done bool) // n counts inference requests from 1
	version string                                                          // the only one, "" for none

	mu       sync.Mutex
	requests int
	sizes    []int // of the first axis of the first input
	running  int
	most     int // at once
	wrong    []string
}

type v2Tensor struct {
	name, datatype string
	shape          []int
	raw            []byte
}

var v2Sizes = map[string]int{
	"BOOL": 1, "UINT8": 1, "UINT16": 2, "UINT32": 4, "UINT64": 8, "INT8": 1, "INT16": 2, "INT32": 4, "INT64": 8,
	"FP16": 2, "FP32": 4, "FP64": 8, "BF16": 2,
}

type v2Request struct {
	ID         *string          `json:"id"`
	Parameters map[string]any   `json:"parameters"`
	Inputs     []v2RequestInput `json:"inputs"`
	Outputs    []struct {
		Name       string         `json:"name"`
		Parameters map[string]any `json:"parameters"`
	} `json:"outputs"`
}

type v2RequestInput struct {
	Name       string         `json:"name"`
	Shape      *[]int         `json:"shape"`
	Datatype   string         `json:"datatype"`
	Parameters map[string]any `json:"parameters"`
	Data       *[]any         `json:"data"`
}

// serve starts the server; what clients do wrong fails the test.
func (s *v2Server) serve(t *testing.T) *httptest.Server {
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		server.Close()
		for _, w := range s.wrong {
			t.Errorf("the server says: %s", w)
		}
	})
	return server
}

// ServeHTTP has the one model "m".
func (s *v2Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := "/v2/models/m"
	if s.version != "" {
		path += "/versions/" + s.version
	}
	switch {
	case r.Method == http.MethodGet && r.URL.Path == path+"/ready":
		return
	case r.Method != http.MethodPost || r.URL.Path != path+"/infer":
		http.Error(w, `{"error":"no such model"}`, http.StatusNotFound)
		return
	}
	s.mu.Lock()
	s.requests++
	n := s.requests
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	defer func() { s.mu.Lock(); defer s.mu.Unlock(); s.running-- }()
	if s.before != nil && s.before(w, r, n) {
		return
	}
	request, inputs, err := readV2(r)
	if err != nil {
		s.mu.Lock()
		s.wrong = append(s.wrong, err.Error())
		s.mu.Unlock()
		http.Error(w, `{"error":"bad request"}`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	if shape := inputs[0].shape; len(shape) > 0 {
		s.sizes = append(s.sizes, shape[0])
	}
	s.mu.Unlock()
	outputs, err := s.model(inputs)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
		return
	}
	if err := writeV2(w, request, outputs); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func readV2(r *http.Request) (*v2Request, []v2Tensor, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	text, data := body, []byte(nil)
	if l := r.Header.Get("Inference-Header-Content-Length"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n <= 0 || n > len(body) {
			return nil, nil, fmt.Errorf("header length %q of %d bytes", l, len(body))
		}
		text, data = body[:n], body[n:]
		if c := r.Header.Get("Content-Type"); c != "application/octet-stream" {
			return nil, nil, fmt.Errorf("content type %q", c)
		}
	} else if c := r.Header.Get("Content-Type"); c != "application/json" {
		return nil, nil, fmt.Errorf("content type %q", c)
	}
	if r.ContentLength != int64(len(body)) {
		return nil, nil, fmt.Errorf("content length %d of %d bytes", r.ContentLength, len(body))
	}
	var request v2Request
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(&request); err != nil {
		return nil, nil, err
	}
	if d.More() || len(request.Inputs) == 0 {
		return nil, nil, fmt.Errorf("not one request with inputs: %s", text)
	}
	var inputs []v2Tensor
	for _, in := range request.Inputs {
		if in.Name == "" || in.Shape == nil {
			return nil, nil, fmt.Errorf("no name or shape: %s", text)
		}
		t := v2Tensor{in.Name, in.Datatype, *in.Shape, nil}
		if size, ok := in.Parameters["binary_data_size"]; ok {
			n, err := size.(json.Number).Int64()
			if err != nil || n < 0 || n > int64(len(data)) || in.Data != nil {
				return nil, nil, fmt.Errorf("input %s: binary size %v of %d left", in.Name, size, len(data))
			}
			t.raw, data = data[:n], data[n:]
		} else if in.Data == nil {
			return nil, nil, fmt.Errorf("input %s: no data", in.Name)
		} else if t.raw, err = rawOf(in.Datatype, *in.Data); err != nil {
			return nil, nil, err
		}
		if n, err := t.count(); err != nil || n != product(t.shape) {
			return nil, nil, fmt.Errorf("input %s: %d elements for %v: %v", in.Name, n, t.shape, err)
		}
		inputs = append(inputs, t)
	}
	if len(data) > 0 {
		return nil, nil, fmt.Errorf("%d bytes too many", len(data))
	}
	return &request, inputs, nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// count returns how many elements a tensor has.
func (t v2Tensor) count() (int, error) {
	if t.datatype == "BYTES" {
		list, err := t.strings()
		return len(list), err
	}
	size, ok := v2Sizes[t.datatype]
	if !ok || len(t.raw)%size != 0 {
		return 0, fmt.Errorf("%d bytes of %s", len(t.raw), t.datatype)
	}
	return len(t.raw) / size, nil
}

func (t v2Tensor) strings() ([]string, error) {
	var out []string
	for b := t.raw; len(b) > 0; {
		if len(b) < 4 || int(binary.LittleEndian.Uint32(b)) > len(b)-4 {
			return nil, fmt.Errorf("strings end early")
		}
		n := 4 + int(binary.LittleEndian.Uint32(b))
		out, b = append(out, string(b[4:n])), b[n:]
	}
	return out, nil
}

// rawOf makes raw elements of JSON.
func rawOf(datatype string, data []any) ([]byte, error) {
	var out []byte
	for _, v := range data {
		switch v := v.(type) {
		case []any:
			part, err := rawOf(datatype, v)
			if err != nil {
				return nil, err
			}
			out = append(out, part...)
		case bool:
			if datatype != "BOOL" {
				return nil, fmt.Errorf("%v in %s", v, datatype)
			}
			out = append(out, map[bool]byte{true: 1}[v])
		case string:
			if datatype != "BYTES" {
				return nil, fmt.Errorf("%q in %s", v, datatype)
			}
			out = append(binary.LittleEndian.AppendUint32(out, uint32(len(v))), v...)
		case json.Number:
			var bits uint64
			switch {
			case datatype == "FP32":
				f, err := strconv.ParseFloat(string(v), 32)
				if err != nil {
					return nil, err
				}
				bits = uint64(math.Float32bits(float32(f)))
			case datatype == "FP64":
				f, err := v.Float64()
				if err != nil {
					return nil, err
				}
				bits = math.Float64bits(f)
			case strings.HasPrefix(datatype, "INT"):
				n, err := strconv.ParseInt(string(v), 10, 8*v2Sizes[datatype])
				if err != nil {
					return nil, err
				}
				bits = uint64(n)
			case strings.HasPrefix(datatype, "UINT"):
				n, err := strconv.ParseUint(string(v), 10, 8*v2Sizes[datatype])
				if err != nil {
					return nil, err
				}
				bits = n
			default:
				return nil, fmt.Errorf("a number in %s", datatype)
			}
			out = append(out, binary.LittleEndian.AppendUint64(nil, bits)[:v2Sizes[datatype]]...)
		default:
			return nil, fmt.Errorf("%v in data", v)
		}
	}
	return out, nil
}

// jsonOf makes nested JSON of raw elements, as numpy's tolist does.
func (t v2Tensor) jsonOf() any {
	var flat []any
	if t.datatype == "BYTES" {
		list, _ := t.strings()
		for _, s := range list {
			flat = append(flat, s)
		}
	} else {
		for b := range slices.Chunk(t.raw, v2Sizes[t.datatype]) {
			bits := binary.LittleEndian.Uint64(append(slices.Clone(b), make([]byte, 8)...))
			shift := 64 - 8*len(b)
			switch {
			case t.datatype == "BOOL":
				flat = append(flat, bits == 1)
			case t.datatype == "FP32":
				flat = append(flat, math.Float32frombits(uint32(bits)))
			case t.datatype == "FP64":
				flat = append(flat, math.Float64frombits(bits))
			case strings.HasPrefix(t.datatype, "INT"):
				flat = append(flat, int64(bits<<shift)>>shift)
			case strings.HasPrefix(t.datatype, "UINT"):
				flat = append(flat, bits)
			default:
				panic(t.datatype + " has no JSON")
			}
		}
	}
	for i := len(t.shape) - 1; i > 0; i-- {
		var up []any
		for part := range slices.Chunk(flat, max(t.shape[i], 1)) {
			up = append(up, part)
		}
		flat = up
	}
	return flat
}

func writeV2(w http.ResponseWriter, request *v2Request, outputs []v2Tensor) error {
	all := request.Parameters["binary_data_output"] == true
	want := make(map[string]bool)
	for _, o := range request.Outputs {
		want[o.Name] = o.Parameters["binary_data"] == true
	}
	var list []map[string]any
	var data []byte
	for _, t := range outputs {
		isBinary, named := want[t.name]
		if len(want) > 0 && !named {
			continue
		}
		o := map[string]any{"name": t.name, "datatype": t.datatype, "shape": t.shape}
		if isBinary || all && !named {
			o["parameters"] = map[string]any{"binary_data_size": len(t.raw)}
			data = append(data, t.raw...)
		} else {
			o["data"] = t.jsonOf()
		}
		list = append(list, o)
	}
	text, err := json.Marshal(map[string]any{"model_name": "m", "outputs": list})
	if err != nil {
		return err
	}
	if len(data) > 0 {
		w.Header().Set("Inference-Header-Content-Length", strconv.Itoa(len(text)))
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	_, err = w.Write(append(text, data...))
	return err
}

// sums is a model that adds the numbers of each row, and refuses negative ones.
func sums(in []v2Tensor) ([]v2Tensor, error) {
	x := in[0]
	if x.name != "x" || x.datatype != "FP32" || len(x.shape) != 2 {
		return nil, fmt.Errorf("input %s %s %v", x.name, x.datatype, x.shape)
	}
	y := v2Tensor{"y", "FP32", []int{x.shape[0], 1}, nil}
	row := 4 * x.shape[1]
	for i := range x.shape[0] {
		var sum float32
		for b := range slices.Chunk(x.raw[i*row:(i+1)*row], 4) {
			f := math.Float32frombits(binary.LittleEndian.Uint32(b))
			if f < 0 {
				return nil, fmt.Errorf("%v is negative", f)
			}
			sum += f
		}
		y.raw = binary.LittleEndian.AppendUint32(y.raw, math.Float32bits(sum))
	}
	return []v2Tensor{y}, nil
}
