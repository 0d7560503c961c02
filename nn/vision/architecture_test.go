package vision

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// TestRecognize recognises every model whose keys are in testdata.
func TestRecognize(t *testing.T) {
	classifier := func(name string, groups, width int, layers ...int) Architecture {
		return Architecture{Name: name, Task: Classification, published: 64, Classes: 1000, Layers: [4]int(layers), Width: 64, Groups: groups,
			GroupWidth: width, Bottleneck: name != "resnet18" && name != "resnet34"}
	}
	detector := Architecture{Name: "fasterrcnn_resnet50_fpn", Task: Detection, published: 64, Classes: 91, Layers: [4]int{3, 4, 6, 3}, Width: 64,
		Groups: 1, GroupWidth: 64, Bottleneck: true, Pyramid: 256, Anchors: 3}
	mobile := func(name string) Architecture {
		return Architecture{Name: name, Task: Classification, Classes: 1000, Width: 16, published: 16}
	}
	mask := detector
	mask.Name, mask.Masks = "maskrcnn_resnet50_fpn", true
	keypoint := detector
	keypoint.Name, keypoint.Classes, keypoint.Keypoints = "keypointrcnn_resnet50_fpn", 2, 17
	second, secondMask := detector, mask
	second.Name, secondMask.Name = "fasterrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn_v2"
	retina, secondRetina, fcos := detector, detector, detector
	retina.Name, secondRetina.Name = "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2"
	retina.Anchors, secondRetina.Anchors = 9, 9
	fcos.Name, fcos.Anchors = "fcos_resnet50_fpn", 1
	mobileDetector := Architecture{Name: "fasterrcnn_mobilenet_v3_large_fpn", Task: Detection, published: 16, Classes: 91,
		Width: 16, Pyramid: 256, Anchors: 15}
	for file, want := range map[string]Architecture{
		"resnet18":                       classifier("resnet18", 1, 64, 2, 2, 2, 2),
		"resnet34":                       classifier("resnet34", 1, 64, 3, 4, 6, 3),
		"resnet50":                       classifier("resnet50", 1, 64, 3, 4, 6, 3),
		"resnet101":                      classifier("resnet101", 1, 64, 3, 4, 23, 3),
		"resnet152":                      classifier("resnet152", 1, 64, 3, 8, 36, 3),
		"resnext50_32x4d":                classifier("resnext50_32x4d", 32, 4, 3, 4, 6, 3),
		"resnext101_32x8d":               classifier("resnext101_32x8d", 32, 8, 3, 4, 23, 3),
		"resnext101_64x4d":               classifier("resnext101_64x4d", 64, 4, 3, 4, 23, 3),
		"wide_resnet50_2":                classifier("wide_resnet50_2", 1, 128, 3, 4, 6, 3),
		"wide_resnet101_2":               classifier("wide_resnet101_2", 1, 128, 3, 4, 23, 3),
		"mobilenet_v3_small":             mobile("mobilenet_v3_small"),
		"mobilenet_v3_large":             mobile("mobilenet_v3_large"),
		"fasterrcnn_resnet50_fpn_frozen": detector,
		"maskrcnn_resnet50_fpn_frozen":   mask,
		"maskrcnn_resnet50_fpn_bn":       mask,

		"vgg11":        {Name: "vgg11", Task: Classification, Picture: 224, published: 64, Classes: 1000, Width: 64},
		"vgg16_bn":     {Name: "vgg16_bn", Task: Classification, Picture: 224, published: 64, Classes: 1000, Width: 64},
		"mobilenet_v2": {Name: "mobilenet_v2", Task: Classification, published: 32, Classes: 1000, Width: 32},
		"ssd300_vgg16": {Name: "ssd300_vgg16", Task: Detection, published: 64, Classes: 91, Width: 64},
		"ssdlite320_mobilenet_v3_large": {Name: "ssdlite320_mobilenet_v3_large", Task: Detection, published: 16, Classes: 91,
			Width: 16},
		"keypointrcnn_resnet50_fpn_frozen":             keypoint,
		"fasterrcnn_resnet50_fpn_v2":                   second,
		"maskrcnn_resnet50_fpn_v2":                     secondMask,
		"fasterrcnn_mobilenet_v3_large_320_fpn_frozen": mobileDetector,
		"retinanet_resnet50_fpn_frozen":                retina,
		"retinanet_resnet50_fpn_v2":                    secondRetina,
		"fcos_resnet50_fpn_frozen":                     fcos,
	} {
		got, err := Recognize(readKeys(t, file))
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", file, got, err, want)
		}
	}
}

// TestRefused: classifiers of torchvision that are not here are refused by name.
func TestRefused(t *testing.T) {
	var models map[string][]string
	readJSON(t, &models, "keys", "refused.json")
	if len(models) != len(unsupported()) {
		t.Errorf("%d models, want one of each kind", len(models))
	}
	for model, keys := range models {
		src := &memory{shapes: map[string]tensor.Shape{}}
		for _, k := range keys {
			src.set(k, 1)
		}
		got, err := Recognize(src)
		refused, ok := errors.AsType[*UnsupportedArchitectureError](err)
		if !ok || got.Name == "" || refused.Name != got.Name || !strings.HasPrefix(model, got.Name) ||
			!strings.Contains(err.Error(), "a checkpoint of "+got.Name+", which is not supported here; for classification ") {
			t.Errorf("%s: got %+v, %v", model, got, err)
		}
		if _, err := NewClassifier(context.Background(), &recorder{}, src); !errors.As(err, &refused) {
			t.Errorf("%s: NewClassifier: %v", model, err)
		}
	}
}

func TestRecognizeWrapped(t *testing.T) {
	for _, prefix := range []string{
		"model.", "module.", "state_dict.", "model.module.", "_orig_mod.", "state_dict.model._orig_mod.",
	} {
		src := readKeys(t, "resnet18").renamed("^", prefix)
		src.set("epoch", 1)
		if got, err := Recognize(src); err != nil || got.Name != "resnet18" {
			t.Errorf("%s: got %v, %v", prefix, got, err)
		}
		if _, err := NewClassifier(context.Background(), &recorder{}, src); err != nil {
			t.Errorf("%s: %v", prefix, err)
		}
	}
}

func TestRecognizeUnknown(t *testing.T) {
	for _, src := range []*memory{
		{},
		{keys: []string{"fc1.weight", "fc1.bias"}, shapes: map[string]tensor.Shape{"fc1.weight": {8, 1}, "fc1.bias": {8}}},
		{keys: []string{"model.module.", "model."}, shapes: map[string]tensor.Shape{"model.": {1}, "model.module.": {1}}},
	} {
		_, err := Recognize(src)
		if e, ok := errors.AsType[*UnknownArchitectureError](err); !ok || e.Tensors != len(src.keys) || len(e.Looked) != len(families()) {
			t.Errorf("%v: %v", src.keys, err)
		}
	}
}

// TestRecognizeDeep: a key may be as long as a file, and wrappers are looked into by calls in each other.
func TestRecognizeDeep(t *testing.T) {
	key := strings.Repeat("model.", 4_000_000) + "fc"
	_, err := Recognize(&memory{keys: []string{key}, shapes: map[string]tensor.Shape{key: {1}}})
	if _, ok := errors.AsType[*UnknownArchitectureError](err); !ok {
		t.Errorf("got an error of type %T", err)
	}
}

// TestOddShapes checks that no shapes in a checkpoint make the package panic.
func TestOddShapes(t *testing.T) {
	for _, shape := range []tensor.Shape{
		{}, {0}, {1}, {3, 0}, {0, 0, 0, 0}, {5, 7, 1, 1}, {1, 1, 1, 1, 1},
		{1 << 40, 0}, {0, math.MaxInt / 16}, {math.MaxInt / 16, 0, 1, 1}, // no elements, and any extent
	} {
		for _, model := range []string{"resnet18", "resnext50_32x4d", "mobilenet_v3_small", "maskrcnn_resnet50_fpn_frozen",
			"ssd300_vgg16", "ssdlite320_mobilenet_v3_large", "vgg16_bn", "mobilenet_v2"} {
			for _, key := range []string{
				"conv1.weight", "layer1.0.conv2.weight", "layer1.0.conv3.weight", "layer3.1.conv1.weight", "fc.weight",
				"backbone.body.conv1.weight", "backbone.body.layer2.0.conv2.weight", "backbone.fpn.inner_blocks.0.0.weight",
				"rpn.head.cls_logits.weight", "roi_heads.box_head.fc6.weight", "roi_heads.box_predictor.cls_score.weight",
				"roi_heads.mask_head.2.0.weight", "roi_heads.mask_predictor.conv5_mask.weight",
				"features.0.0.weight", "features.1.block.0.0.weight", "features.1.block.1.fc1.weight",
				"features.0.weight", "features.3.bias", "features.40.weight", "classifier.6.weight", "classifier.1.weight",
				"features.1.conv.0.0.weight", "features.2.conv.1.0.weight", "features.17.conv.2.weight", "features.18.0.weight",
				"backbone.scale_weight", "backbone.features.0.weight", "backbone.features.5.weight", "backbone.features.21.weight",
				"backbone.extra.0.5.weight", "backbone.extra.0.7.1.weight", "backbone.extra.2.0.weight", "backbone.extra.4.2.bias",
				"backbone.features.0.0.0.weight", "backbone.features.0.13.0.weight", "backbone.features.1.0.1.0.weight",
				"backbone.features.1.0.2.fc1.weight", "backbone.features.1.3.0.weight", "backbone.extra.0.0.0.weight",
				"head.classification_head.module_list.0.weight", "head.regression_head.module_list.3.weight",
				"head.classification_head.module_list.0.1.weight", "head.regression_head.module_list.3.1.weight",
				"head.classification_head.module_list.2.0.0.weight", "head.regression_head.module_list.0.bias",
				"features.2.block.0.0.weight", "features.12.0.weight", "classifier.0.weight", "classifier.3.weight",
			} {
				src := readKeys(t, model)
				if model == "vgg16_bn" { // of fewer hidden units: memory for all of them takes its time
					src.set("classifier.0.weight", 8, 7*7*512)
					src.set("classifier.0.bias", 8)
					src.set("classifier.3.weight", 4096, 8)
				}
				if _, ok := src.shapes[key]; !ok {
					continue
				}
				src.set(key, shape...)
				var err error
				if strings.HasPrefix(model, "mask") || strings.HasPrefix(model, "ssd") {
					_, err = NewDetector(context.Background(), &recorder{}, src)
				} else {
					_, err = NewClassifier(context.Background(), &recorder{}, src)
				}
				if err == nil {
					t.Errorf("%s: %s %v: no error", model, key, shape)
				}
			}
		}
	}
}

// TestMobileNetV3OfOtherDepth: of other depths than the paper's two nobody knows the strides.
func TestMobileNetV3OfOtherDepth(t *testing.T) {
	for _, model := range []string{"mobilenet_v3_small", "mobilenet_v3_large"} {
		src := readKeys(t, model).renamed(`^features\.11\.block`, "features.21.block")
		a, err := Recognize(src)
		refused, ok := errors.AsType[*UnsupportedArchitectureError](err)
		if !ok || refused.Name != "mobilenet_v3" || a.Name != "mobilenet_v3" || !strings.Contains(err.Error(), "11 or 15 blocks") {
			t.Errorf("%s: got %+v, %v", model, a, err)
		}
	}
}

// TestMobileNetV2OfOtherDepth: of other depths than the paper's nobody knows the strides.
func TestMobileNetV2OfOtherDepth(t *testing.T) {
	for _, with := range []string{"features.20.conv", "features.18.conv"} {
		src := readKeys(t, "mobilenet_v2").renamed(`^features\.17\.conv`, with)
		if with == "features.18.conv" {
			for _, k := range readKeys(t, "mobilenet_v2").keys {
				src.set(k, readKeys(t, "mobilenet_v2").shapes[k]...)
			}
		}
		_, err := Recognize(src)
		refused, ok := errors.AsType[*UnsupportedArchitectureError](err)
		if !ok || refused.Name != "mobilenet_v2" || !strings.Contains(err.Error(), "17 blocks") {
			t.Errorf("%s: %v", with, err)
		}
	}
}

func TestArchitectureString(t *testing.T) {
	a := Architecture{Name: "maskrcnn_resnet50_fpn", Classes: 5, Width: 16, published: 64, Pyramid: 64}
	if got, want := a.String(), "maskrcnn_resnet50_fpn, 5 classes, width 16"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

var _ nn.Source = (*memory)(nil)
