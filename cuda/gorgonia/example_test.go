package gorgonia_test

import (
	"context"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/gorgonia"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// double is a network that doubles.
type double struct{}

func (double) Forward(x nn.Value) nn.Value { return nn.Add(x, x) }

// Example runs a network on what a program of cu's has on a GPU.
func Example() {
	if err := example(); err != nil {
		fmt.Println(err)
	}
	// Output: [2 4 6]
}

func example() error {
	device, err := cu.GetDevice(0)
	if err != nil {
		return err
	}
	ctx, err := device.MakeContext(cu.SchedAuto)
	if err != nil {
		return err
	}
	defer ctx.Destroy()
	if err := ctx.Lock(); err != nil {
		return err
	}
	defer ctx.Unlock()
	stream, err := cu.MakeStream(cu.DefaultStream)
	if err != nil {
		return err
	}
	x, err := cu.MemAlloc(12)
	if err != nil {
		return err
	}
	y, err := cu.MemAlloc(12)
	if err != nil {
		return err
	}
	data := []float32{1, 2, 3}
	if err := cu.MemcpyHtoDAsync(x, unsafe.Pointer(&data[0]), 12, stream); err != nil {
		return err
	}

	gpu, err := gorgonia.Wrap(ctx, stream, cuda.Options{})
	if err != nil {
		return err
	}
	defer gpu.Close()
	net, err := nn.Compile(context.Background(), gpu, double{})
	if err != nil {
		return err
	}
	defer net.Close()
	p, err := net.Program(tensor.Shape{1, 3})
	if err != nil {
		return err
	}
	if err := gpu.Run(context.Background(), p, []cu.DevicePtr{y}, []cu.DevicePtr{x}); err != nil {
		return err
	}

	if err := stream.Synchronize(); err != nil {
		return err
	}
	if err := cu.MemcpyDtoH(unsafe.Pointer(&data[0]), y, 12); err != nil {
		return err
	}
	fmt.Println(data)
	return nil
}
