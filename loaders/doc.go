// Package loaders reads checkpoints: the files in which PyTorch keeps the
// weights of a network.
//
// Two formats are read, told apart by their first bytes and never by their
// name: what torch.save writes since PyTorch 1.6 (a zip archive with a pickle
// and one entry per storage) and safetensors. Other files are refused with an
// error that says what they are and what to do.
//
//	c, err := loaders.Open("maskrcnn.pth")
//	if err != nil { … }
//	w, err := c.Tensor("backbone.body.conv1.weight")
//
// [Open] maps the file into memory and reads only its directory and its
// pickle; [Checkpoint.Tensor] returns a view of the mapped bytes, without a
// copy, that keeps the mapping alive for as long as it is used. Only tensors
// that are not contiguous in their storage (slices, transposes, channels_last)
// and entries that were compressed are copied, on demand and within a budget.
//
// Nothing in a file is ever run. A pickle is a program; before gopickle's
// machine sees one, scan.go walks its opcodes once and proves that every
// length lies inside the file, that every global is on the list of allow.go
// (the list of torch.load with weights_only=True, and numpy's scalars) and
// that memory stays below [Limits]. No size that a file declares is allocated
// before the bytes were seen to be there, and no input makes the package
// panic.
//
// Read checkpoint.go first for what users see, open.go for how a format is
// recognised, then zip.go → scan.go → pickle.go → flatten.go in the order in
// which a torch file is read, safetensors.go, and gather.go for how the bytes
// of a storage become a tensor.
package loaders
