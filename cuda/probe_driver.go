//go:build linux && cgo && !nocuda

package cuda

import (
	"github.com/argand-go/argand/cuda/internal/cublaslt"
	"github.com/argand-go/argand/cuda/internal/cudnn"
	"github.com/argand-go/argand/cuda/internal/driver"
)

// Probe looks for the driver and its devices, and where there are any for the
// libraries that may be used, too. It starts the driver, which takes a moment.
func Probe(o Options) *Report {
	r, devices := look(o)
	if len(devices) == 0 || o.Engines == OwnEngines {
		return r
	}
	for _, l := range []struct {
		*foreign
		path string
		load func(path string) (Library, error)
	}{
		{&foreignCUBLASLt, o.CUBLASLt, func(path string) (Library, error) {
			l, err := cublaslt.Load(path)
			if err != nil {
				return Library{}, err
			}
			return Library{Path: l.Path, Version: l.Version.String()}, nil
		}},
		{&foreignCUDNN, o.CUDNN, func(path string) (Library, error) {
			l, err := cudnn.Load(path)
			if err != nil {
				return Library{}, err
			}
			return Library{Path: l.Path, Version: l.Version.String()}, nil
		}},
	} {
		if wanted(o, l.path) {
			found, _, tried := find(l.foreign, l.path, l.load)
			found.Name, found.Tried = l.name, tried
			r.Libraries = append(r.Libraries, found)
		}
	}
	return r
}

// wanted reports whether a library with a path or none is looked for: a driver of
// the caller's own has no libraries that the caller does not name.
func wanted(o Options, path string) bool { return path != "" || o.Driver == "" }

// look returns the report and the driver's devices.
func look(o Options) (*Report, []driver.Device) {
	r := new(Report)
	lib, ok, tried := find(&foreignDriver, o.Driver, driver.Load)
	if r.Tried = tried; !ok {
		return r, nil
	}
	r.Driver, r.Version = lib.Path, lib.Version.String()
	var devices []driver.Device
	if devices, r.Err = lib.Devices(); r.Err != nil {
		return r, nil
	}
	for _, d := range devices {
		r.Devices = append(r.Devices, Device{d.Ordinal, d.Name, d.Capability, d.Bytes, d.Multiprocessors})
	}
	return r, devices
}
