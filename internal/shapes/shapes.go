package shapes

import (
	"embed"
	"io/fs"
)

//go:embed model_f16.pth
var model []byte

//go:embed s256.png s512.png s640.png
var pictures embed.FS

// Model returns the bytes of the trained network's half-precision state_dict, a torch.save file of 4.75 MB. The
// slice is the embedded data itself, without a copy: callers must not write to it.
func Model() []byte { return model }

// Pictures returns a read-only file system with the pictures s256.png, s512.png and s640.png in its root.
func Pictures() fs.FS { return pictures }

// Labels returns a fresh list of the class names by class index; index 0 is torchvision's background class.
func Labels() []string {
	return []string{"__background__", "circle", "square", "triangle", "star"}
}
