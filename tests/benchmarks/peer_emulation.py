"""How fast the peers emulate a network on one core. Runs in the peers' environment.

    python peer_emulation.py hls4ml MODEL.onnx FRAMES.npy     float32 [N, features], normalised
    python peer_emulation.py da4ml ACCELERATOR_FOLDER FRAMES.npy      int64 [N, MW]

The last line is a JSON object: samples a second (best of three), seconds to build, and the sha256 of the answers as float32.
"""

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402


def hls4ml_predictor(path, folder):
    """The QONNX model without its Sub and Div, converted and compiled; float32 in, float32 out."""
    import hls4ml
    import onnx
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.gemm_to_matmul import GemmToMatMul
    from qonnx.util.cleanup import cleanup_model

    model = onnx.load(path)
    behind, name = Path(folder, "behind.onnx"), model.graph.input[0].name
    while (first := next(node for node in model.graph.node if name in node.input)).op_type in ("Sub", "Div"):
        for node in model.graph.node:
            node.input[:] = [name if value == first.output[0] else value for value in node.input]
        model.graph.node.remove(first)
    onnx.save(model, behind)
    wrapped = cleanup_model(ModelWrapper(str(behind)))
    wrapped = cleanup_model(wrapped.transform(GemmToMatMul()))
    settings = hls4ml.utils.config_from_onnx_model(wrapped, granularity="name", backend="Vitis", default_precision="fixed<32,16>")
    converted = hls4ml.converters.convert_from_onnx_model(wrapped, output_dir=str(Path(folder, "project")), hls_config=settings,
                                                          io_type="io_parallel", backend="Vitis")
    converted.compile()
    return converted.predict


def da4ml_predictor(folder):
    import runpy

    script = runpy.run_path(str(Path(__file__).with_name("da4ml_network.py")))
    logic = script["trace"](*script["load"](Path(folder)), 1, {}, 0)
    return lambda x: logic.predict(x, n_threads=1)


def main():
    tool, source, frames = sys.argv[1:]
    x = np.load(frames)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        if tool == "hls4ml":
            predict, x = hls4ml_predictor(source, folder), np.ascontiguousarray(x, np.float32)
        else:
            predict, x = da4ml_predictor(source), x.astype(np.float64)
        built = time.perf_counter() - started
        seconds = []
        for _ in range(3):
            begun = time.process_time()
            y = predict(x)
            seconds.append(time.process_time() - begun)
    answers = np.ascontiguousarray(y, np.float32).reshape(len(x), -1)
    np.save(Path(frames).with_suffix(f".{tool}.npy"), answers)
    print(json.dumps({"rate": len(x) / min(seconds), "build_s": built, "sha256": hashlib.sha256(answers.tobytes()).hexdigest()}))


if __name__ == "__main__":
    main()
