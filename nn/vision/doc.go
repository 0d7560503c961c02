// Package vision has torchvision's networks for pictures: ResNet, MobileNetV2,
// MobileNetV3, VGG, ConvNeXt and ViT classifiers, Faster R-CNN, Mask R-CNN,
// Keypoint R-CNN, RetinaNet and FCOS with a ResNet and FPN backbone, Faster R-CNN
// with a MobileNetV3 and FPN backbone, SSD and SSDlite, and FCN, DeepLabV3 and
// LR-ASPP for segmentation.
//
// A checkpoint is enough to use one. [Recognize] tells from names and shapes
// which network it belongs to and how wide and deep that is:
//
//	checkpoint, err := loaders.Open("maskrcnn_resnet50_fpn.pth")
//	detector, err := vision.NewDetector(ctx, kernels.CPU(), checkpoint)
//	found, err := detector.Detect(ctx, picture)
//	for i, name := range found.Names {
//		fmt.Println(name, found.Scores[i], found.Boxes[i])
//	}
//
// [Detector], [Classifier] and [Segmenter] take pictures and do what torchvision's own
// transforms do; they are immutable and safe for many goroutines. What no
// state_dict holds (eps, sizes, anchors, thresholds, names) are [Option]s with
// torchvision's defaults.
//
// Below them are the networks, written as in their papers: [ResNet] with its
// [Trunk], [MobileNetV3], [FPN], [RPN], [BoxHead], [MaskHead] and [KeypointHead],
// [FasterRCNN], [MaskRCNN] and [KeypointRCNN] made of those, [VGG] and [SSD], [FCN], [DeepLabV3] and [LRASPP],
// [ConvNeXt] and [ViT]. Each is built from nn.Weights and traced by nn.Compile,
// alone or as a part of another network.
//
// # What differs from torchvision
//
// Each picture of a batch is padded by itself, so that what is found does not
// depend on its neighbours; [WithBatchPadding] pads as torchvision does. Masks
// stay 28×28 until they are asked for, one by one or all at once with
// [Detector.Bitmaps]. A picture so thin that torchvision
// would resize one side to zero pixels, and raise, keeps one pixel here. A
// [ClassMap] is of the size of the picture as it was given; torchvision's is of
// the size that the network has seen.
//
// Read resnet.go, mobilenetv3.go, fpn.go, rpn.go, roiheads.go, masks.go,
// maskrcnn.go, keypointhead.go and mobilercnn.go in this order for the networks of detection, vgg.go,
// defaultboxes.go, ssd.go and ssdlite.go for those in one stage, and fcn.go,
// deeplabv3.go and lraspp.go for those of segmentation; detector.go, preprocess.go
// and segmenter.go for what is around them.
package vision
