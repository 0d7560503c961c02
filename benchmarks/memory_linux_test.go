package benchmarks

import (
	"fmt"
	"testing"
)

// BenchmarkMemory reports the memory of a process that loads a network from a
// checkpoint of PyTorch and runs it once, in MB of 10⁶ bytes: what the packed
// weights take; the peak while loading; what is left of it, of the file and
// of anything else, when Go has collected its garbage; and the peak of a run.
// ResNets get a picture of 224×224, Mask R-CNN one of 800×1216, the shapes
// network one of 512×512.
func BenchmarkMemory(b *testing.B) {
	for _, network := range []string{"resnet18", "resnet50", "maskrcnn", "shapes"} {
		for _, half := range []bool{false, true} {
			if network == "shapes" && !half {
				continue
			}
			name := map[bool]string{false: "f32", true: "f16"}[half]
			b.Run(fmt.Sprintf("%s/%s", network, name), func(b *testing.B) {
				path := checkpoint(b, network, half)
				var l life
				for b.Loop() {
					l = runChild(b, path)
				}
				mb := func(bytes int64, unit string) { b.ReportMetric(float64(bytes)/1e6, unit) }
				mb(l.Weights, "MB_weights")
				mb(l.AfterLoad.Peak, "MB_load_peak")
				mb(l.AfterLoad.File, "MB_load_file")
				mb(l.AfterCollection.File, "MB_kept_file")
				mb(l.AfterCollection.Own, "MB_kept_own")
				mb(l.AfterRun.Peak, "MB_run_peak")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
