package beamio

import (
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[tally]())
	register.Function1x2(tallyGood)
	register.Function1x2(tallyBad)
	register.Function2x2(tallyKeyedGood)
	register.Function2x2(tallyKeyedBad)
	register.Function2x1(addTallies)
	beam.RegisterDoFn(reflect.TypeOf(&thresholdFn{}))
}

// tally counts examples.
type tally struct{ Good, Bad int64 }

func tallyGood(beam.X) (int, tally)              { return 0, tally{Good: 1} }
func tallyBad(beam.X) (int, tally)               { return 0, tally{Bad: 1} }
func tallyKeyedGood(beam.X, beam.Y) (int, tally) { return 0, tally{Good: 1} }
func tallyKeyedBad(beam.X, beam.Y) (int, tally)  { return 0, tally{Bad: 1} }
func addTallies(a, b tally) tally                { return tally{a.Good + b.Good, a.Bad + b.Bad} }

// thresholdFn fails the job.
type thresholdFn struct{ Most float64 }

// ProcessElement gets the examples of a window.
func (f *thresholdFn) ProcessElement(_ int, t tally) error {
	if share := float64(t.Bad) / float64(t.Good+t.Bad); share > f.Most {
		return fmt.Errorf("beamio: %d of %d examples failed, more than the share of %v that WithThreshold allows",
			t.Bad, t.Good+t.Bad, f.Most)
	}
	return nil
}

// limitFailures adds the check of [WithThreshold] to a pipeline. The counts of a
// bundle are summed before they cross a stage.
func limitFailures(s beam.Scope, most float64, keyed bool, results, failures beam.PCollection) {
	s = s.Scope("beamio.Threshold")
	var good, bad any = tallyGood, tallyBad
	if keyed {
		good, bad = tallyKeyedGood, tallyKeyedBad
	}
	tallies := beam.Flatten(s, beam.ParDo(s, good, results), beam.ParDo(s, bad, failures))
	beam.ParDo0(s, &thresholdFn{most}, beam.CombinePerKey(s, addTallies, tallies))
}
