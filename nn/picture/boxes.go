package picture

// ToXYWH converts a box x1, y1, x2, y2, which is what networks give here, to x1, y1, width, height, COCO's form. The
// arithmetic of this and the other conversions is that of torchvision's box_convert, in single precision.
func ToXYWH(box [4]float32) [4]float32 {
	return [4]float32{box[0], box[1], box[2] - box[0], box[3] - box[1]}
}

// FromXYWH converts a box x1, y1, width, height to x1, y1, x2, y2.
func FromXYWH(box [4]float32) [4]float32 {
	return [4]float32{box[0], box[1], box[0] + box[2], box[1] + box[3]}
}

// ToCXCYWH converts a box x1, y1, x2, y2 to the centre's x and y, width and height, YOLO's form without its division by
// the picture's size.
func ToCXCYWH(box [4]float32) [4]float32 {
	return [4]float32{(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1]}
}

// FromCXCYWH converts a box of the centre's x and y, width and height to x1, y1, x2, y2.
func FromCXCYWH(box [4]float32) [4]float32 {
	w, h := box[2]/2, box[3]/2
	return [4]float32{box[0] - w, box[1] - h, box[0] + w, box[1] + h}
}
