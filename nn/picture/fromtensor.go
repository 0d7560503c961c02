package picture

import (
	"fmt"
	"runtime"

	"github.com/argand-go/argand/tensor"
)

// A Layout is the order of a tensor's axes.
type Layout uint8

// The layouts of a picture.
const (
	CHW Layout = iota // CHW is (channels, height, width): torch's.
	HWC               // HWC is (height, width, channels): numpy's, OpenCV's and TensorFlow's.
)

// String returns "CHW" or "HWC".
func (l Layout) String() string {
	switch l {
	case CHW:
		return "CHW"
	case HWC:
		return "HWC"
	}
	return fmt.Sprintf("Layout(%d)", uint8(l))
}

// A TensorError says why a tensor is no picture.
type TensorError struct {
	Got  string // Got is what was given, such as "float32 (2, 480, 640)".
	Want string // Want is what would have been right.
}

// Error returns "picture: the tensor is float32 (2, 480, 640), want …", say.
func (e *TensorError) Error() string {
	return fmt.Sprintf("picture: the tensor is %s, want %s", e.Got, e.Want)
}

// FromTensor returns the picture that a tensor holds: uint8, or float32 of 0 to 1, of one channel (gray), three (red,
// green, blue) or four (of which the last, alpha, is dropped). A float32 becomes ⌊255·v⌋, as in torchvision's
// to_pil_image, which gives ToTensor's bytes back. It returns a [*TensorError] for another type or shape, and for a
// value that is not a number or out of range, which torch would wrap around. The picture shares no memory with the
// tensor.
func FromTensor(x *tensor.Tensor, l Layout) (*RGB, error) {
	want := fmt.Sprintf("uint8 or float32 %v with 1, 3 or 4 channels", l)
	if x == nil {
		return nil, &TensorError{"nil", want}
	}
	s := x.Shape()
	if len(s) != 3 || l > HWC {
		return nil, &TensorError{x.String(), want}
	}
	// Where sample c of pixel (x, y) is: c*plane + (y*w+x)*step.
	channels, h, w := s[0], s[1], s[2]
	plane, step := h*w, 1
	if l == HWC {
		h, w, channels = s[0], s[1], s[2]
		plane, step = 1, channels
	}
	if channels != 1 && channels != 3 && channels != 4 {
		return nil, &TensorError{x.String(), want}
	}
	if channels == 1 {
		plane = 0 // all three are the same one
	}
	defer runtime.KeepAlive(x) // its elements may be a mapped file's, for as long as x is reachable
	p := NewRGB(w, h)
	switch x.DType() {
	case tensor.Uint8:
		data, err := tensor.Data[uint8](x)
		if err != nil {
			return nil, err
		}
		for i := range w * h {
			d, at := p.Pix[3*i:3*i+3:3*i+3], i*step
			d[0], d[1], d[2] = data[at], data[at+plane], data[at+2*plane]
		}
	case tensor.Float32:
		data, err := tensor.Data[float32](x)
		if err != nil {
			return nil, err
		}
		for i := range w * h {
			for c := range 3 {
				v := data[i*step+c*plane]
				if !(v >= 0 && v <= 1) {
					got := fmt.Sprintf("%v with a value of %v", x, v)
					return nil, &TensorError{got, "float32 of 0 to 1"}
				}
				p.Pix[3*i+c] = uint8(v * 255)
			}
		}
	default:
		return nil, &TensorError{x.String(), want}
	}
	return p, nil
}
