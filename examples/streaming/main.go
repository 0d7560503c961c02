package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"log"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/natsio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beamio.Register(&beamio.Detector{})
	register.Function1x2(picture)
	register.Function3x2(found)
	register.Function3x2(failed)
}

func picture(m natsio.ConsumerMessage) (id string, p beamio.Picture) {
	return cmp.Or(m.ID, string(m.Data)), beamio.Picture{Name: string(m.Data)}
}

type result = beamio.PredictionResult[beamio.Picture, beamio.Detections]

func found(w beam.Window, id string, r result) (natsio.ProducerMessage, error) {
	return message(w, "found", id, map[string]any{"row": beamio.NewRow(r.Example.Name, &r.Inference), "model": r.ModelID})
}

func failed(w beam.Window, id string, f beamio.Failure[beamio.Picture]) (natsio.ProducerMessage, error) {
	return message(w, "failed", id, map[string]any{"failure": f})
}

// message makes JSON of an answer. JetStream drops it if one with its ID was published before.
func message(w beam.Window, subject, id string, answer map[string]any) (natsio.ProducerMessage, error) {
	answer["window"] = (w.MaxTimestamp() + 1).ToTime().UTC() // its end
	data, err := json.Marshal(answer)
	return natsio.ProducerMessage{Subject: subject, ID: id, Data: data}, err
}

func main() {
	server := flag.String("server", "nats://127.0.0.1:4222", "address of the NATS server")
	from := flag.Int64("from", 1, "first message of the stream PICTURES to read")
	until := flag.Int64("until", 1<<63-1, "message before which the job ends")
	length := flag.Duration("window", time.Minute, "length of the windows that answers are in")
	var h beamio.Detector
	flag.StringVar(&h.Model, "model", "internal/shapes/model_f16.pth", "state_dict to begin with")
	flag.StringVar(&h.Labels, "names", "examples/ensemble/shapes.txt", "file with the names of its classes")
	flag.IntVar(&h.MinSize, "min-size", 256, "pixels that the short side is scaled to")
	watch := flag.String("watch", "models/*.pth", "state_dicts of which the newest is used")
	interval := flag.Duration("interval", 10*time.Second, "time between two looks at them")
	flag.Parse()
	beam.Init() // a worker never returns from here
	p, s := beam.NewPipelineWithRoot()
	messages := natsio.Read(s, *server, "PICTURES", "pictures", natsio.ReadPublishingTimePolicy(),
		natsio.ReadStartSeqNo(*from), natsio.ReadEndSeqNo(*until))
	pictures := beam.WindowInto(s, window.NewFixedWindows(*length), beam.ParDo(s, picture, messages))
	good, bad := beamio.RunInferenceDLQ(s, &h, pictures,
		beamio.WithModelWatch(*watch, *interval), beamio.WithBatchDelay(20*time.Millisecond))
	natsio.Write(s, *server, beam.ParDo(s, found, good))
	natsio.Write(s, *server, beam.ParDo(s, failed, bad))
	job, err := beamx.RunWithMetrics(context.Background(), p)
	if err != nil {
		log.Fatal("streaming: ", err)
	}
	if done, ok := beamio.StatsOf(job, nil); ok {
		log.Print("done\n", done.Table("picture", 0))
	}
}
