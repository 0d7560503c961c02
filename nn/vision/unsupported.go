package vision

// unsupported lists the classifiers of torchvision that this package has not, by
// the kind, and the keys that tell them: a checkpoint of one is refused by name.
func unsupported() []family {
	return []family{
		{name: "alexnet", keys: []string{"features.10.weight", "classifier.1.weight", "classifier.4.weight"}},
		{name: "densenet", keys: []string{"features.denseblock1", "classifier.weight"}},
		{name: "efficientnet", keys: []string{"features.1.0.block.0.0.weight", "classifier.1.weight"}},
		{name: "googlenet", keys: []string{"inception3a.branch1"}},
		{name: "inception_v3", keys: []string{"Mixed_5b.branch1x1"}},
		{name: "maxvit", keys: []string{"blocks.0.layers.0.layers.MBconv"}},
		{name: "mnasnet", keys: []string{"layers.8.0.layers", "classifier.1.weight"}},
		{name: "regnet", keys: []string{"trunk_output.block1", "fc.weight"}},
		{name: "shufflenet_v2", keys: []string{"stage2.0.branch2", "conv5.0.weight"}},
		{name: "squeezenet", keys: []string{"features.3.squeeze.weight", "classifier.1.weight"}},
		{name: "swin", keys: []string{"features.1.0.attn.qkv.weight", "head.weight"}},
	}
}
