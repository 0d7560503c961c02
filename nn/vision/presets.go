package vision

import (
	"fmt"
	"strings"

	"github.com/argand-go/argand/nn/picture"
)

// A Preset is how torchvision runs a network with one of its published
// weights: what its builder does with weights= and what the weights' transforms
// do. See [WithPreset].
type Preset struct {
	Name    string // torchvision's of the weights: "ResNet50_Weights.IMAGENET1K_V2"
	Network string // torchvision's of the builder: "resnet50"
	Task    Task

	change func(*Settings) // of the builder's; nil for nothing
}

// Presets lists the presets of all networks of this package, those of a network
// from the oldest.
func Presets() []Preset {
	return []Preset{
		{"ResNet18_Weights.IMAGENET1K_V1", "resnet18", Classification, crop(256, 224)},
		{"ResNet34_Weights.IMAGENET1K_V1", "resnet34", Classification, crop(256, 224)},
		{"ResNet50_Weights.IMAGENET1K_V1", "resnet50", Classification, crop(256, 224)},
		{"ResNet50_Weights.IMAGENET1K_V2", "resnet50", Classification, crop(232, 224)},
		{"ResNet101_Weights.IMAGENET1K_V1", "resnet101", Classification, crop(256, 224)},
		{"ResNet101_Weights.IMAGENET1K_V2", "resnet101", Classification, crop(232, 224)},
		{"ResNet152_Weights.IMAGENET1K_V1", "resnet152", Classification, crop(256, 224)},
		{"ResNet152_Weights.IMAGENET1K_V2", "resnet152", Classification, crop(232, 224)},
		{"ResNeXt50_32X4D_Weights.IMAGENET1K_V1", "resnext50_32x4d", Classification, crop(256, 224)},
		{"ResNeXt50_32X4D_Weights.IMAGENET1K_V2", "resnext50_32x4d", Classification, crop(232, 224)},
		{"ResNeXt101_32X8D_Weights.IMAGENET1K_V1", "resnext101_32x8d", Classification, crop(256, 224)},
		{"ResNeXt101_32X8D_Weights.IMAGENET1K_V2", "resnext101_32x8d", Classification, crop(232, 224)},
		{"ResNeXt101_64X4D_Weights.IMAGENET1K_V1", "resnext101_64x4d", Classification, crop(232, 224)},
		{"Wide_ResNet50_2_Weights.IMAGENET1K_V1", "wide_resnet50_2", Classification, crop(256, 224)},
		{"Wide_ResNet50_2_Weights.IMAGENET1K_V2", "wide_resnet50_2", Classification, crop(232, 224)},
		{"Wide_ResNet101_2_Weights.IMAGENET1K_V1", "wide_resnet101_2", Classification, crop(256, 224)},
		{"Wide_ResNet101_2_Weights.IMAGENET1K_V2", "wide_resnet101_2", Classification, crop(232, 224)},
		{"MobileNet_V3_Large_Weights.IMAGENET1K_V1", "mobilenet_v3_large", Classification, crop(256, 224)},
		{"MobileNet_V3_Large_Weights.IMAGENET1K_V2", "mobilenet_v3_large", Classification, crop(232, 224)},
		{"MobileNet_V3_Small_Weights.IMAGENET1K_V1", "mobilenet_v3_small", Classification, crop(256, 224)},
		{"VGG11_Weights.IMAGENET1K_V1", "vgg11", Classification, crop(256, 224)},
		{"VGG11_BN_Weights.IMAGENET1K_V1", "vgg11_bn", Classification, crop(256, 224)},
		{"VGG13_Weights.IMAGENET1K_V1", "vgg13", Classification, crop(256, 224)},
		{"VGG13_BN_Weights.IMAGENET1K_V1", "vgg13_bn", Classification, crop(256, 224)},
		{"VGG16_Weights.IMAGENET1K_V1", "vgg16", Classification, crop(256, 224)},
		{"VGG16_BN_Weights.IMAGENET1K_V1", "vgg16_bn", Classification, crop(256, 224)},
		{"VGG19_Weights.IMAGENET1K_V1", "vgg19", Classification, crop(256, 224)},
		{"VGG19_BN_Weights.IMAGENET1K_V1", "vgg19_bn", Classification, crop(256, 224)},
		{"MobileNet_V2_Weights.IMAGENET1K_V1", "mobilenet_v2", Classification, crop(256, 224)},
		{"MobileNet_V2_Weights.IMAGENET1K_V2", "mobilenet_v2", Classification, crop(232, 224)},
		{"ConvNeXt_Tiny_Weights.IMAGENET1K_V1", "convnext_tiny", Classification, crop(236, 224)},
		{"ConvNeXt_Small_Weights.IMAGENET1K_V1", "convnext_small", Classification, crop(230, 224)},
		{"ConvNeXt_Base_Weights.IMAGENET1K_V1", "convnext_base", Classification, crop(232, 224)},
		{"ConvNeXt_Large_Weights.IMAGENET1K_V1", "convnext_large", Classification, crop(232, 224)},
		{"ViT_B_16_Weights.IMAGENET1K_V1", "vit_b_16", Classification, crop(256, 224)},
		{"ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1", "vit_b_16", Classification, bicubic(384)},
		{"ViT_B_16_Weights.IMAGENET1K_SWAG_LINEAR_V1", "vit_b_16", Classification, bicubic(224)},
		{"ViT_B_32_Weights.IMAGENET1K_V1", "vit_b_32", Classification, crop(256, 224)},
		{"ViT_L_16_Weights.IMAGENET1K_V1", "vit_l_16", Classification, crop(242, 224)},
		{"ViT_L_16_Weights.IMAGENET1K_SWAG_E2E_V1", "vit_l_16", Classification, bicubic(512)},
		{"ViT_L_16_Weights.IMAGENET1K_SWAG_LINEAR_V1", "vit_l_16", Classification, bicubic(224)},
		{"ViT_L_32_Weights.IMAGENET1K_V1", "vit_l_32", Classification, crop(256, 224)},
		{"ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1", "vit_h_14", Classification, bicubic(518)},
		{"ViT_H_14_Weights.IMAGENET1K_SWAG_LINEAR_V1", "vit_h_14", Classification, bicubic(224)},

		{"FasterRCNN_ResNet50_FPN_Weights.COCO_V1", "fasterrcnn_resnet50_fpn", Detection, noEps},
		{"FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1", "fasterrcnn_resnet50_fpn_v2", Detection, nil},
		{"FasterRCNN_MobileNet_V3_Large_FPN_Weights.COCO_V1", "fasterrcnn_mobilenet_v3_large_fpn", Detection, nil},
		{"FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1", mobile320, Detection, smallPictures},
		{"MaskRCNN_ResNet50_FPN_Weights.COCO_V1", "maskrcnn_resnet50_fpn", Detection, noEps},
		{"MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1", "maskrcnn_resnet50_fpn_v2", Detection, nil},
		{"KeypointRCNN_ResNet50_FPN_Weights.COCO_LEGACY", "keypointrcnn_resnet50_fpn", Detection, nil},
		{"KeypointRCNN_ResNet50_FPN_Weights.COCO_V1", "keypointrcnn_resnet50_fpn", Detection, noEps},
		{"RetinaNet_ResNet50_FPN_Weights.COCO_V1", "retinanet_resnet50_fpn", Detection, noEps},
		{"RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1", "retinanet_resnet50_fpn_v2", Detection, nil},
		{"FCOS_ResNet50_FPN_Weights.COCO_V1", "fcos_resnet50_fpn", Detection, nil},
		{"SSD300_VGG16_Weights.COCO_V1", "ssd300_vgg16", Detection, nil},
		{"SSDLite320_MobileNet_V3_Large_Weights.COCO_V1", "ssdlite320_mobilenet_v3_large", Detection, nil},

		{"FCN_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1", "fcn_resnet50", Segmentation, nil},
		{"FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1", "fcn_resnet101", Segmentation, nil},
		{"DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1", "deeplabv3_resnet50", Segmentation, nil},
		{"DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1", "deeplabv3_resnet101", Segmentation, nil},
		{"DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1", "deeplabv3_mobilenet_v3_large", Segmentation, nil},
		{"LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1", "lraspp_mobilenet_v3_large", Segmentation, nil},
	}
}

// mobile320 is a builder whose checkpoints are those of another.
const mobile320 = "fasterrcnn_mobilenet_v3_large_320_fpn"

// crop is the transform of a classifier that resizes the short side and looks at
// the square in the centre.
func crop(short, side int) func(*Settings) {
	return func(s *Settings) {
		s.Transform.Short, s.Transform.Crop, s.Transform.Filter = short, side, picture.Bilinear
	}
}

// bicubic is that of weights that were trained by SWAG.
func bicubic(side int) func(*Settings) {
	return func(s *Settings) {
		s.Transform.Short, s.Transform.Crop, s.Transform.Filter = side, side, picture.Bicubic
	}
}

// noEps is what torchvision does to a ResNet's frozen batch norms when it loads
// the weights that were trained so.
func noEps(s *Settings) { s.Eps = 0 }

// smallPictures is what makes the builder mobile320.
func smallPictures(s *Settings) {
	s.Transform.MinSize, s.Transform.MaxSize = 320, 640
	s.ProposalsBefore, s.ProposalsAfter = 150, 150
}

// short returns the end of the name, "IMAGENET1K_V2".
func (p Preset) short() string { return p.Name[strings.LastIndex(p.Name, ".")+1:] }

// checkpoint returns the name of the network whose checkpoints the preset is for,
// as [Recognize] returns it.
func (p Preset) checkpoint() string {
	if p.Network == mobile320 {
		return "fasterrcnn_mobilenet_v3_large_fpn"
	}
	return p.Network
}

// article is the name of the preset that is none of torchvision's.
const article = "beam-article"

// WithPreset changes the settings to those of a known way to run a network, which
// later options may change again. The name is that of torchvision's weights,
// "MaskRCNN_ResNet50_FPN_Weights.COCO_V1", which must be of the network; or only
// its end, "COCO_V1". [Presets] lists them. What they change is:
//
//   - of detectors, the eps: torchvision runs the COCO_V1 of the first networks
//     with a ResNet-50 with an eps of 0; and for
//     "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1", whose checkpoint
//     does not differ from that of the network for large pictures, sizes and the
//     number of proposals. It has no short name.
//   - of classifiers, the size that pictures are resized to and the square in
//     their centre that is looked at, and for some the filter. The default is
//     the oldest of a network, IMAGENET1K_V1 for most.
//   - of segmenters, nothing.
//
// One more, "beam-article", is for detectors: Apache Beam's Python example for
// image segmentation, which resizes each picture to 224×224 as Pillow does,
// losing its aspect ratio, and normalises it; the network's own transform then
// normalises it again and scales it up. What it finds is worse than by default;
// the preset exists to compare with published results. Boxes are in pixels of
// the picture as given.
func WithPreset(name string) Option {
	return func(c *config) {
		if name == article && c.task == Detection {
			c.article = true
			return
		}
		var others []string
		for _, p := range Presets() {
			if p.Task != c.task || c.network != "" && p.checkpoint() != c.network {
				continue
			}
			if p.Name == name || p.short() == name && p.Network == p.checkpoint() {
				if p.change != nil {
					p.change(&c.settings)
				}
				return
			}
			others = append(others, p.Name)
		}
		c.allow("WithPreset", false, fmt.Sprintf("%q", name), c.wantPreset(others))
	}
}

// wantPreset says which presets there are.
func (c *config) wantPreset(names []string) string {
	want := strings.Join(names, ", ")
	switch {
	case c.network == "":
		want = fmt.Sprintf("the name of torchvision's weights of %s, such as %s", c.task.maker(), names[0])
	case len(names) == 0:
		want = "none, as torchvision has no weights of " + c.network
	}
	if c.task == Detection {
		want += ", or " + article
	}
	return want
}

// published returns the settings with those of torchvision's oldest weights of the
// network, if there are any.
func published(network string, s Settings) Settings {
	for _, p := range Presets() {
		if p.Network == network && p.change != nil {
			p.change(&s)
			break
		}
	}
	return s
}
