//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/cuda/internal/driver"

// Probe looks for the driver and its devices. It starts the driver, which takes
// a moment where there is one.
func Probe(o Options) *Report {
	r, _ := look(o)
	return r
}

// look returns the report and the driver's devices.
func look(o Options) (*Report, []driver.Device) {
	r := new(Report)
	paths := places
	if o.Driver != "" {
		paths = []string{o.Driver}
	}
	for _, path := range paths {
		lib, err := driver.Load(path)
		if err != nil {
			r.Tried = append(r.Tried, err)
			continue
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
	return r, nil
}
