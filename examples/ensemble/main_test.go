package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// asProgram makes the test binary be the program, so that it is linked once.
const asProgram = "as-program"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
		return
	}
	os.Exit(m.Run())
}

// TestExample compares with what is in the pictures, which were drawn from
// known seeds: the detector finds each object once, and the three networks
// agree on nearly all.
func TestExample(t *testing.T) {
	data := runExample(t)
	objects, agreed := 0, 0
	pictures := make(map[string]int)
	var last string
	for line := range strings.Lines(string(data)) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		file, _, _ := strings.Cut(v.Object, "/")
		name := path.Base(v.Object)
		for _, opinion := range []string{name, v.A, v.B} {
			if !slices.Contains(shapes.Labels()[1:], opinion) {
				t.Errorf("line %q: %q is no shape", line, opinion)
			}
		}
		if v.Agreed != (v.A == name && v.B == name) {
			t.Errorf("line %q: they do not agree", line)
		}
		if v.Object <= last {
			t.Errorf("%q comes after %q", v.Object, last)
		}
		last = v.Object
		if objects++; v.Agreed {
			agreed++
		}
		pictures[file]++
	}
	if len(pictures) != 3 || objects < 8 {
		t.Errorf("%d objects, by picture %v", objects, pictures)
	}
	if 4*agreed < 3*objects {
		t.Errorf("all agree on %d of %d objects only\n%s", agreed, objects, fmt.Sprint(string(data)))
	}
}

// runExample runs the program and returns what it wrote.
func runExample(t *testing.T, args ...string) []byte {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := "../../internal/shapes/"
	output := filepath.Join(t.TempDir(), "out.jsonl")
	cmd := exec.Command(self, append([]string{asProgram, "--judges", ".", "--output", output,
		"--input", root + "*.png", "--model", root + "model_f16.pth"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRemote has a server run the second classifier, and wants the same answers. The server is too busy at first.
func TestRemote(t *testing.T) {
	ctx := t.Context()
	src, err := loaders.Open("judge_b.pth")
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadFile("judges.txt")
	if err != nil {
		t.Fatal(err)
	}
	net, err := vision.NewClassifier(ctx, kernels.CPU(), src, vision.WithLabels(strings.Fields(string(names))))
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	requests := 0
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.Method + " " + r.URL.Path {
		case "GET /v2/models/judge_b/ready":
			return
		case "POST /v2/models/judge_b/infer":
		default:
			http.NotFound(w, r)
			return
		}
		if requests++; requests == 1 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		pictures, err := requestedPictures(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		classes, err := net.ClassifyBatch(ctx, pictures, 1)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		var names, scores []string
		for _, c := range classes {
			names = append(names, strconv.Quote(c[0].Name))
			scores = append(scores, fmt.Sprint(c[0].Probability))
		}
		fmt.Fprintf(w, `{"model_name":"judge_b","outputs":[`+
			`{"name":"score","datatype":"FP32","shape":[%d],"data":[%s]},{"name":"name","datatype":"BYTES","shape":[%[1]d],"data":[%[3]s]}]}`,
			len(classes), strings.Join(scores, ","), strings.Join(names, ","))
	}))
	defer server.Close()
	local, remote := runExample(t), runExample(t, "--remote", server.URL)
	if string(local) != string(remote) {
		t.Errorf("here\n%s\nand with a server\n%s", local, remote)
	}
	if requests < 2 {
		t.Errorf("%d requests", requests)
	}
}

// requestedPictures reads an inference request with one input, BYTES in binary form.
func requestedPictures(r *http.Request) ([]image.Image, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	header, err := strconv.Atoi(r.Header.Get("Inference-Header-Content-Length"))
	if err != nil || header > len(body) {
		return nil, fmt.Errorf("a header of %d in %d bytes", header, len(body))
	}
	var request struct {
		Inputs []struct {
			Name, Datatype string
			Shape          []int
			Parameters     struct {
				Size int `json:"binary_data_size"`
			}
		}
	}
	if err := json.Unmarshal(body[:header], &request); err != nil {
		return nil, err
	}
	data := body[header:]
	if in := request.Inputs; len(in) != 1 || in[0].Name != "picture" || in[0].Datatype != "BYTES" ||
		len(in[0].Shape) != 1 || in[0].Parameters.Size != len(data) {
		return nil, fmt.Errorf("inputs %+v with %d bytes", in, len(data))
	}
	var out []image.Image
	for range request.Inputs[0].Shape[0] {
		n := binary.LittleEndian.Uint32(data)
		rgb, err := picture.Decode(data[4:4+n], picture.DecodeOptions{})
		if err != nil {
			return nil, err
		}
		out, data = append(out, rgb), data[4+n:]
	}
	return out, nil
}

// TestCutSpeck cuts an object out that is smaller than a pixel.
func TestCutSpeck(t *testing.T) {
	name := "../../internal/shapes/s256.png"
	r := beamio.PredictionResult[beamio.Picture, beamio.Detections]{Example: beamio.Picture{Name: name}}
	r.Inference = beamio.Detections{Boxes: []float32{9, 9, 9.5, 9.5}, Names: []string{"star"}}
	var cuts []string
	if err := cut(t.Context(), r, func(key string, _ beamio.Picture) { cuts = append(cuts, key) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cuts, []string{"s256.png/0/star"}) {
		t.Errorf("cut out %q", cuts)
	}
}
