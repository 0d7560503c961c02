package picture

import "image/png"

// unfilter adds to every byte of a row what its filter predicts from the byte of the pixel to the left, the one above,
// in the row before, and the one above that to the left. size is the bytes of a pixel.
func unfilter(filter uint8, row, before []uint8, size int) error {
	before = before[:len(row)]
	switch filter {
	case 0:
	case 1: // left
		for i := size; i < len(row); i++ {
			row[i] += row[i-size]
		}
	case 2: // above
		for i, v := range before {
			row[i] += v
		}
	case 3: // the mean of both
		for i := range min(size, len(row)) {
			row[i] += before[i] / 2
		}
		for i := size; i < len(row); i++ {
			row[i] += uint8((int(row[i-size]) + int(before[i])) / 2)
		}
	case 4:
		for c := range min(size, len(row)) {
			left, corner := 0, 0
			for i := c; i < len(row); i += size {
				above := int(before[i])
				left = int(row[i]+paeth(left, above, corner)) & 255
				row[i] = uint8(left)
				corner = above
			}
		}
	default:
		return png.FormatError("bad filter")
	}
	return nil
}

// paeth returns which of three neighbours is nearest to left + above - corner. It has no branches, which noise would
// make go wrong every other time.
func paeth(left, above, corner int) uint8 {
	fromLeft, fromAbove := above-corner, left-corner
	fromCorner := fromLeft + fromAbove
	fromLeft, fromAbove, fromCorner = max(fromLeft, -fromLeft), max(fromAbove, -fromAbove), max(fromCorner, -fromCorner)
	nearest := left ^ (left^above)&((fromAbove-fromLeft)>>63)
	return uint8(nearest ^ (nearest^corner)&((fromCorner-min(fromLeft, fromAbove))>>63))
}
