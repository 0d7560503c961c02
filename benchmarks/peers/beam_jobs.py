"""The jobs of the comparison for Beam's Python SDK: RunInference with PyTorch, on Beam's own runner for one machine.

    python beam_jobs.py classify|detect|multiply --input PATTERN --model FILE --output FILE --events FILE \
        [--workers N] [--mode in_memory|multi_threading|multi_processing] [--threads N] [--channels-last]

They write a line of JSON for each picture or number, and into the file of events when a model was loaded and when the
job was done: a word and seconds since 1970. beam/main.go and examples/fivetimes are the same for Argand.
"""
import argparse
import glob
import json
import os
import sys
import time

import apache_beam as beam
import numpy as np
import torch
from apache_beam.ml.inference.base import KeyedModelHandler, PredictionResult, RunInference
from apache_beam.ml.inference.pytorch_inference import PytorchModelHandlerTensor
from apache_beam.options.pipeline_options import PipelineOptions

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"  # DirectRunner would look for a prism first


def note(file, word):
    with open(file, "a") as f:
        f.write(f"{word} {time.time():.6f}\n")


class Handler(PytorchModelHandlerTensor):
    """Beam's handler, which tells when it has loaded the model."""

    def __init__(self, options, **arguments):
        super().__init__(state_dict_path=options.model, **arguments)
        self.events, self.threads, self.channels_last = options.events, options.threads, options.channels_last

    def load_model(self):
        torch.set_num_threads(self.threads)
        model = super().load_model()
        if self.channels_last:
            model = model.to(memory_format=torch.channels_last)
        note(self.events, "loaded")
        return model


def read(path):
    from PIL import Image
    with Image.open(path) as picture:
        return path, picture.convert("RGB")


# ResNet-50

def resnet50():
    import torchvision
    return torchvision.models.resnet50(weights=None)


class Preprocess(beam.DoFn):
    """A picture as the network wants it, by the transform that comes with torchvision's weights."""

    def setup(self):
        import torchvision
        self.transform = torchvision.models.ResNet50_Weights.IMAGENET1K_V1.transforms()

    def process(self, item):
        yield item[0], self.transform(item[1])


def classes(batch, model, device, inference_args, model_id=None):
    with torch.inference_mode():
        x = torch.stack(list(batch))
        if next(model.parameters()).is_contiguous(memory_format=torch.channels_last):
            x = x.contiguous(memory_format=torch.channels_last)
        scores, labels = model(x).softmax(1).topk(5)
    return [PredictionResult(None, r, model_id) for r in zip(labels.tolist(), scores.tolist())]


def classification_line(item):
    file, result = item
    labels, scores = result.inference
    return json.dumps({"file": file, "labels": labels, "scores": scores})


# Mask R-CNN

def maskrcnn():
    import networks
    return networks.golden().build()


def to_tensor(item):
    from torchvision.transforms import functional
    return item[0], functional.to_tensor(item[1])


def objects(batch, model, device, inference_args, model_id=None):
    with torch.inference_mode():
        found = model(list(batch))
    return [PredictionResult(None, f, model_id) for f in found]


def detection_line(item):
    """What was found, masks in COCO's run-length code."""
    from pycocotools import mask
    file, result = item
    found = result.inference
    bits = (found["masks"][:, 0] > 0.5).to(torch.uint8).permute(1, 2, 0).numpy()
    codes = mask.encode(np.asfortranarray(bits))
    return json.dumps({"file": file, "boxes": found["boxes"].tolist(), "labels": found["labels"].tolist(),
                       "scores": found["scores"].tolist(), "masks": [c["counts"].decode() for c in codes]})


# The five-times table

class LinearRegression(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x):
        return self.linear(x)


def product_line(result):
    return json.dumps({"example": result.example.tolist(), "inference": result.inference.tolist()})


def build(p, o):
    if o.job == "multiply":
        lines = p | beam.io.ReadFromText(o.input)
        x = lines | beam.Map(lambda line: torch.tensor([float(line)]))
        return x | RunInference(Handler(o, model_class=LinearRegression)) | beam.Map(product_line)
    files = p | beam.Create(sorted(glob.glob(o.input))) | beam.Reshuffle()
    pictures = files | "Read" >> beam.Map(read)
    if o.job == "classify":
        # The batches of Argand: 1 to 16, and as large as pays.
        handler = Handler(o, model_class=resnet50, inference_fn=classes, min_batch_size=1, max_batch_size=16)
        return (pictures | beam.ParDo(Preprocess()) | RunInference(KeyedModelHandler(handler))
                | beam.Map(classification_line))
    handler = Handler(o, model_class=maskrcnn, inference_fn=objects, min_batch_size=1, max_batch_size=1)
    return pictures | beam.Map(to_tensor) | RunInference(KeyedModelHandler(handler)) | beam.Map(detection_line)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("job", choices=["classify", "detect", "multiply"])
    for name in ("input", "model", "output", "events"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--mode", default="in_memory")
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--threads", type=int, default=1, help="of torch, in each process")
    p.add_argument("--channels-last", action="store_true")
    o = p.parse_args()
    options = PipelineOptions([f"--runner={RUNNER}", f"--direct_running_mode={o.mode}",
                               f"--direct_num_workers={o.workers}"])
    with beam.Pipeline(options=options) as pipeline:
        build(pipeline, o) | beam.io.WriteToText(o.output, shard_name_template="")
    note(o.events, "done")


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import beam_jobs  # by its name, so that workers find what is pickled
    beam_jobs.main()
