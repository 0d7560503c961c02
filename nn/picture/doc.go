// Package picture reads pictures as torchvision reads them and shows what a detector found in them, without Beam and
// without a network.
//
// Four things live here, each usable alone:
//
//   - Decoding. [Decode] turns the bytes of a JPEG, PNG, GIF, WebP, BMP or TIFF file into an [RGB], the 8-bit picture
//     that PIL's Image.open(…).convert("RGB") gives. Boxes agree with PyTorch's only if pixels do, so chroma is
//     upsampled as libjpeg-turbo and libwebp upsample it, not as Go's image.YCbCr.At does. [FromImage] does the same
//     for a picture that is already decoded. Limits are checked before anything is allocated. A [Decoder] uses its
//     memory again, and [DecodeFrames] gives the frames of an animated GIF.
//   - Resizing. [RGB.Resize] is Pillow's antialiased resizing of bytes with any of its filters, equal in every bit
//     (torchvision's ImageNet presets resize with it); a [Resizer] uses its memory again, and has torch's arithmetic
//     for uint8 tensors too. [ResizeBilinear] is torch's interpolate(mode="bilinear") on float32 planes (the R-CNN
//     transform and the mask paste use it), and [ResizeAntialias] the same with antialias=True.
//   - Masks. A [Mask] is what Mask R-CNN makes: a small square of probabilities and a box. It is pasted into the
//     picture lazily, as a [Bitmap], as COCO's run-length code [RLE], as an image.Alpha or as all H×W probabilities. A
//     Bitmap becomes [Polygons], for GeoJSON and for COCO. A [LabelMap] is a segmentation.
//   - Showing. [Overlay] draws boxes, coloured masks, skeletons and names on a copy of the picture, [OverlayMap] a
//     segmentation with its legend.
//
// # How exact it is
//
// Pictures equal Pillow's in every bit, JPEG ones included, with three exceptions: 16-bit gray becomes v >> 8, where
// Pillow cuts everything above 255 to white; JPEG data that is damaged is an error, where libjpeg goes on with a
// warning; and a progressive JPEG that never sends its last bits is not smoothed. JPEGs with arithmetic coding, without
// Huffman tables or with other than 8 bits are not read, nor GIFs with codes of one bit, nor TIFFs of CMYK, YCbCr,
// L*a*b*, floats or gray with alpha, of 2, 4 or 12 bits, with each colour in a plane of its own, or compressed by JPEG,
// LZMA or Zstandard: each is a [*DecodeError] that says so, and so is a format of which nothing is read, such as HEIC.
// Where a file contradicts itself, such as by colours beyond its palette, it may be another picture than Pillow's; and
// a GIF whose first frame has a palette of grays beside the file's of colours is gray, where Pillow takes the colours.
// Resizing bytes is exact. [ResizeBilinear] follows torch 1.13's CPU kernel; its comment and that of [ResizeAntialias]
// say how far others are.
//
//	go test ./nn/picture -run PreprocessingTable -v
//
// prints how 111 pictures in the modes, subsamplings, orientations and formats of testdata/pictures compare with
// Pillow's and torch's, decoded and resized by each rule.
package picture
