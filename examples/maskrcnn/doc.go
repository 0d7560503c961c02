// Maskrcnn is the shortest whole program: it loads a Mask R-CNN from its PyTorch state_dict, finds the objects in a
// picture, prints them and saves a copy of the picture that shows them.
//
//	go run ./examples/maskrcnn maskrcnn_resnet50_fpn.pth street.jpg found.png
package main
