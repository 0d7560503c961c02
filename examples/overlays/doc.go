// Overlays draws the pictures of the documents: what Mask R-CNN finds among shapes, the same as a segmentation with its
// legend, and the keypoints of two figures. The network is the small trained one of this repository; no such network
// with keypoints is at hand, and so those of the third picture are where the figures were drawn.
//
//	go run ./examples/overlays docs
package main
