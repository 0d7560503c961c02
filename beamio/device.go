package beamio

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/internal/device"
)

// What a model on a GPU is run with for lack of options: another batch is copied
// and read while one is computed, and bundles fill batches together.
const (
	gpuBatches = 2
	gpuDelay   = 5 * time.Millisecond
)

// sited is a handler whose model may be on another device than the CPU.
type sited interface{ place() device.Options }

// wantsGPU reports whether a handler's model may be on a GPU.
func wantsGPU(h any) bool {
	p, ok := h.(sited)
	return ok && p.place().Name != "" && p.place().Name != "cpu"
}

// placeOf returns the device of a handler that is within another, which may be
// nil.
func placeOf(h any) device.Options {
	if p, ok := h.(sited); ok {
		return p.place()
	}
	return device.Options{}
}

// openDevice opens the device of a model, and logs which one "auto" has chosen
// and why.
func openDevice(ctx context.Context, model string, o device.Options) (*device.Device, error) {
	d, err := device.Open(o)
	switch {
	case err != nil:
		return nil, err
	case o.Name == "auto" && !d.IsGPU():
		slog.WarnContext(ctx, "beamio: runs on the CPU for lack of a GPU", "model", model, "device", d.String())
	case o.Name == "auto" || d.IsGPU():
		slog.InfoContext(ctx, "beamio: opened a device", "model", model, "device", d.String())
	}
	return d, nil
}

// network is a network that is loaded, whatever it takes and returns.
type network interface {
	Bytes() int64
	Close() error
}

// onDevice is a network with its device, which closes after it.
type onDevice struct {
	network
	on *device.Device
}

// Close closes both.
func (n *onDevice) Close() error { return errors.Join(n.network.Close(), n.on.Close()) }

func (n *onDevice) device() string { return n.on.Backend.Name() }

// load loads a network on a device, which it closes if that fails.
func load[N network](d *device.Device, make func() (N, error)) (N, *onDevice, error) {
	net, err := make()
	if err != nil {
		return net, nil, errors.Join(err, d.Close())
	}
	return net, &onDevice{net, d}, nil
}

// deviceOf returns the name of the device that a model is on, "" if it does not
// tell.
func deviceOf(v any) string {
	if d, ok := v.(interface{ device() string }); ok {
		return d.device()
	}
	return ""
}

// isTooMuch reports whether a smaller batch may go where this error comes from.
func isTooMuch(err error) bool {
	_, full := errors.AsType[*cuda.OOMError](err)
	_, large := errors.AsType[*cuda.ArenaError](err)
	return full || large
}
