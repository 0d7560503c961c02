package optest

import "testing"

func TestReference(t *testing.T) { Run(t, Reference(), "cost/no allocation after warm-up") }
