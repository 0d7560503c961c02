"""The worker of one peer: a process that loads one network and runs it when it is told to.

    python worker.py PEER NETWORK THREADS DIRECTORY

It speaks the language that argand/main.go describes, on what was its standard output when it was started; what
libraries print goes to standard error.
"""
import json
import os
import sys
import time

answers = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def answer(**reply):
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def load_torch(peer, network, threads, scratch):
    import torch
    import networks
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    m, x = networks.module(network, scratch), networks.read_input(network, scratch)
    whole = network == "maskrcnn"
    if peer == "channels_last":
        m = m.to(memory_format=torch.channels_last)
        if whole:  # its transform makes a contiguous batch
            m.backbone.register_forward_pre_hook(
                lambda _, args: (args[0].contiguous(memory_format=torch.channels_last),))
        elif x.dim() == 4:
            x = x.contiguous(memory_format=torch.channels_last)
    if peer == "compile":
        import torch._inductor.config
        torch._inductor.config.freezing = True
        compiled = lambda part: torch.compile(part, dynamic=False)
        if whole:  # torchvision's own code between the parts does not compile
            m.backbone = compiled(m.backbone)
            m.rpn.head = compiled(m.rpn.head)
            for part in ("box_head", "box_predictor", "mask_head", "mask_predictor"):
                setattr(m.roi_heads, part, compiled(getattr(m.roi_heads, part)))
        else:
            m = compiled(m)

    def run():
        with torch.no_grad():  # freezing wants this, not inference_mode
            return m([x]) if whole else m(x)

    def first(out):
        if whole:
            return out[0]["scores"].numpy()
        return (out if torch.is_tensor(out) else out[0]).contiguous().numpy()

    return run, first, "torch " + torch.__version__


def load_onnxruntime(peer, network, threads, scratch):
    import numpy as np
    import onnxruntime as ort
    import networks
    ort.set_default_logger_severity(3)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Threads spin while a run is in progress, as by default, but not while others have their turn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(os.path.join(scratch, network + ".onnx"), options,
                                   providers=["CPUExecutionProvider"])
    _, _, file, shape = networks.NETWORKS[network]
    x = {session.get_inputs()[0].name: np.fromfile(os.path.join(scratch, file), np.float32).reshape(shape)}
    at = 2 if network == "maskrcnn" else 0
    return lambda: session.run(None, x), lambda out: out[at], "onnxruntime " + ort.__version__


def load_openvino(peer, network, threads, scratch):
    import numpy as np
    import openvino as ov
    import networks
    model = ov.Core().compile_model(os.path.join(scratch, network + ".onnx"), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # its own choice is bfloat16 where the CPU has that
    })
    _, _, file, shape = networks.NETWORKS[network]
    x = np.fromfile(os.path.join(scratch, file), np.float32).reshape(shape)
    request = model.create_infer_request()
    run = lambda: request.infer([x], share_inputs=True, share_outputs=True)
    at = 2 if network == "maskrcnn" else 0
    return run, lambda out: out[at], "openvino " + ov.__version__


def main(peer, network, threads, scratch):
    loaders = {"onnxruntime": load_onnxruntime, "openvino": load_openvino}
    try:
        run, first, version = loaders.get(peer, load_torch)(peer, network, int(threads), scratch)
        run()  # compilers compile at the first run
    except Exception as e:
        answer(error=f"{type(e).__name__}: {e}"[:500])
        return
    answer(ready=version)
    for line in sys.stdin:
        words = line.split()
        try:
            if words[0] == "run":
                for _ in range(int(words[1])):
                    run()
                ms = []
                for _ in range(int(words[2])):
                    start = time.perf_counter()
                    run()
                    ms.append(1000 * (time.perf_counter() - start))
                answer(ms=ms)
            elif words[0] == "output":
                import numpy as np
                np.ascontiguousarray(first(run()), np.float32).tofile(words[1])
                answer(ok=True)
            else:
                answer(error=f"{words[0]} is no command")
        except Exception as e:
            answer(error=f"{type(e).__name__}: {e}"[:500])


if __name__ == "__main__":
    main(*sys.argv[1:])
