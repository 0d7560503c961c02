package main

import (
	"math"

	"github.com/argand-go/argand/nn/picture"
)

// poses are COCO's 17 keypoints of two figures, in heights of the picture; the second one's left wrist is hidden.
var poses = [][17][2]float64{
	{
		{0.400, 0.170}, {0.412, 0.152}, {0.388, 0.152}, {0.430, 0.165}, {0.370, 0.165}, {0.465, 0.275}, {0.335, 0.275},
		{0.570, 0.190}, {0.265, 0.390}, {0.610, 0.060}, {0.290, 0.505}, {0.445, 0.540}, {0.355, 0.540}, {0.475, 0.730},
		{0.330, 0.730}, {0.470, 0.915}, {0.300, 0.915},
	},
	{
		{0.925, 0.300}, {0.938, 0.285}, {0.915, 0.284}, {0.960, 0.295}, {0.905, 0.292}, {0.995, 0.390}, {0.885, 0.385},
		{1.040, 0.500}, {0.825, 0.455}, {1.000, 0.580}, {0.770, 0.385}, {0.975, 0.620}, {0.895, 0.620}, {1.040, 0.770},
		{0.855, 0.775}, {1.110, 0.920}, {0.805, 0.930},
	},
}

// figures draws two figures on a wall and a floor, and returns where their keypoints are.
func figures(w, h int) (*picture.RGB, []picture.Instance) {
	p, size := picture.NewRGB(w, h), float64(h)
	for y := range h {
		for x := range w {
			light := 0.85 + 0.1*math.Sin(float64(x)/size*9) + 0.05*math.Sin(float64(y)/size*40)
			ground := [3]float64{150, 175, 190}
			if float64(y) > 0.8*size {
				ground = [3]float64{150, 120, 95}
			}
			for c, v := range ground {
				p.Pix[3*(y*w+x)+c] = uint8(v * light)
			}
		}
	}
	var people []picture.Instance
	for i, pose := range poses {
		skin, shirt, trousers := [3]uint8{205, 160, 130}, [3]uint8{190, 60, 50}, [3]uint8{50, 60, 95}
		if i == 1 {
			skin, shirt, trousers = [3]uint8{120, 85, 65}, [3]uint8{225, 205, 120}, [3]uint8{70, 75, 70}
		}
		limb := func(a, b int, radius float64, ink [3]uint8) { draw(p, pose[a], pose[b], radius, ink) }
		for _, e := range [][2]int{{11, 13}, {13, 15}, {12, 14}, {14, 16}} {
			limb(e[0], e[1], 0.036, trousers)
		}
		for _, e := range [][2]int{{5, 11}, {6, 12}, {5, 12}, {6, 11}, {5, 6}, {11, 12}} {
			limb(e[0], e[1], 0.045, shirt)
		}
		for _, e := range [][2]int{{5, 7}, {7, 9}, {6, 8}, {8, 10}} {
			limb(e[0], e[1], 0.027, skin)
		}
		limb(0, 0, 0.068, skin)
		people = append(people, person(pose, size, 0.99-0.02*float32(i)))
	}
	people[1].Keypoints[9].Score = 0.5
	return p, people
}

// person is what a detector would say of a figure.
func person(pose [17][2]float64, size float64, score float32) picture.Instance {
	far := float32(math.MaxFloat32)
	in := picture.Instance{Name: "person", Score: score, Box: [4]float32{far, far, -far, -far}}
	for _, at := range pose {
		x, y, margin := float32(at[0]*size), float32(at[1]*size), float32(0.06*size)
		in.Keypoints = append(in.Keypoints, picture.Keypoint{X: x, Y: y, Score: 9})
		b := in.Box
		in.Box = [4]float32{min(b[0], x-margin), min(b[1], y-margin), max(b[2], x+margin), max(b[3], y+margin)}
	}
	return in
}

// draw paints everything that is within radius of the line from a to b, all in heights of the picture.
func draw(p *picture.RGB, a, b [2]float64, radius float64, ink [3]uint8) {
	for y := range p.H {
		for x := range p.W {
			u, v := (float64(x)+0.5)/float64(p.H)-a[0], (float64(y)+0.5)/float64(p.H)-a[1]
			dx, dy := b[0]-a[0], b[1]-a[1]
			t := min(max((u*dx+v*dy)/max(dx*dx+dy*dy, 1e-9), 0), 1)
			if math.Hypot(u-t*dx, v-t*dy) <= radius {
				copy(p.Pix[3*(y*p.W+x):], ink[:])
			}
		}
	}
}
