// Package shapes embeds a small trained Mask R-CNN and three pictures for it, so that demonstrations and tests need
// no download: geometric shapes (circle, square, triangle, star) on textured grounds.
//
// The network has exactly the module tree, and so the state_dict keys, of torchvision's maskrcnn_resnet50_fpn, with
// narrower layers: a ResNet-50 body that starts at 16 channels instead of 64, a feature pyramid of 64 channels and a
// box head of 128. Its 2.3 million parameters were trained from scratch on a CPU with torchvision by
//
//	OMP_NUM_THREADS=1 python3 train_shapes.py --minutes 50 --out shapes_r50w16.pth
//
// (the script is testdata/shapes/train_shapes.py at the root of the repository), exported with frozen batch
// normalisation, rounded to half precision and written by torch.save as model_f16.pth.
//
// The pictures s256.png, s512.png and s640.png were drawn by the same script's scene function from seeds that the
// training never saw. The number in a name is the length of the picture's shorter side in pixels. What torchvision
// finds in them is recorded in testdata/shapes/expected_f16.json.
package shapes
