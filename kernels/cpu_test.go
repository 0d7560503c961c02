package kernels

import (
	"testing"

	"github.com/argand-go/argand/nn/op/optest"
)

func TestCPU(t *testing.T) { optest.Run(t, CPU()) }
