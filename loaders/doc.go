// Package loaders reads and writes checkpoints: the files in which PyTorch
// keeps the weights of a network.
//
// All formats that torch.save ever wrote are read, and safetensors, told apart
// by their first bytes and never by their name: the zip archives of PyTorch 1.6
// and later, the legacy files before that, the tar files before 0.1.10, whether
// Python 2 or 3 wrote them; and the indexes of files in several shards. Other
// files are refused with an error that says what they are and what to do.
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
// The sources are paths, filesystems ([OpenFS]), readers ([OpenReaderAt],
// [OpenReader]) and bytes ([OpenBytes]); [WithSHA256] and [WithNameChecksum]
// compare checksums before anything else is done.
//
// # What a file may do
//
// Nothing in a file is ever run. A pickle is a program; before gopickle's
// machine sees one, scan.go walks its opcodes once and proves that every
// length lies inside the file, that every global is on the list of allow.go
// (the list of torch.load with weights_only=True, and what NumPy's scalars and
// arrays and argparse's Namespace need) and that memory stays below [Limits].
// No size that a file declares is allocated before the bytes were seen to be
// there, and no input makes the package panic. Whole modules, as
// torch.save(model) writes them, name classes that are not on the list:
// [WithInert] opens them, and gives the keys of their state_dict, without
// importing or running anything.
//
// # Files that change
//
// A mapped file must not be truncated or rewritten by others while a tensor of
// it is in use. What this package reads of a lost part is an error; what the
// program reads through [tensor.Data] is a bus error that ends it, since it is
// the program's own memory access. [WithCopy] reads the file once instead.
//
// # Numbers of 16 bits
//
// Tensors of float16 and bfloat16 stay as the file has them, and share its
// memory: no second copy in float32 is made here. Whoever converts them, as a
// backend does while it packs weights, can do it piece by piece with
// [tensor.Tensor.ConvertFloat32]. Only what is not contiguous, compressed or
// big-endian is copied, in the width that it has.
//
// # Types without a tensor
//
// Tensors of 8-bit floats, quantized and sparse ones, and others that no
// [tensor.Tensor] can hold are listed with name, type and shape by
// [Checkpoint.Info]; [Checkpoint.Tensor] refuses them with a [*TypeError] that
// says what to do in Python: every 8-bit float is one of bfloat16.
//
// # Writing
//
// [SaveTorch] and [SaveSafetensors] write files that torch.load and safetensors
// read back bit for bit, from a [StateDict] in memory, from a [Checkpoint] (so
// that opening one format and saving another is a conversion) or from any
// [Tensors]. A tensor is asked for when its bytes are due: a file may be far
// larger than memory.
//
// Read checkpoint.go first for what users see, open.go for how a format is
// recognised, then zip.go → scan.go → globals.go → pickle.go → rebuild.go →
// flatten.go in the order in which a torch file is read, legacy.go, tar.go,
// index.go and safetensors.go for the other formats, module.go and values.go
// for what is not a tensor, and gather.go for how the bytes of a storage become
// one; write.go, write_torch.go and write_safetensors.go for the way back.
package loaders
