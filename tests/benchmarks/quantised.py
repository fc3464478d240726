"""Dense networks as onnxruntime's static quantisation writes them: 8 bits for weights and activations."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model


def int8_file(folder: Path, widths: tuple[int, ...] = (16, 32, 5)) -> Path:
    """The file, in `folder`; ReLU between the layers, weights and calibration data at random."""
    from onnxruntime.quantization import QuantFormat, QuantType

    from tests.fuzz.ort_nets import quantised

    rng = np.random.default_rng(0)
    constants, nodes, x = [], [], "x"
    last = len(widths) - 2
    for number, shape in enumerate(pairwise(widths)):
        constants += [numpy_helper.from_array(rng.normal(0, 0.4, size).astype(np.float32), f"{kind}{number}")
                      for kind, size in (("w", shape), ("b", shape[1:]))]
        y = "y" if number == last else f"h{number}"
        nodes.append(helper.make_node("Gemm", [x, f"w{number}", f"b{number}"], [y]))
        if number < last:
            nodes.append(helper.make_node("Relu", [y], [f"r{number}"]))
        x = f"r{number}"
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", width]) for name, width in (("x", widths[0]), ("y", widths[-1]))]
    model = helper.make_model(helper.make_graph(nodes, "int8", ends[:1], ends[1:], constants),
                              opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    chosen = {"quant_format": QuantFormat.QDQ, "activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8,
              "extra_options": {"ActivationSymmetric": True}}
    path = folder / "int8.onnx"
    path.write_bytes(quantised(model, chosen, rng.normal(0, 1, (256, widths[0])).astype(np.float32)))
    return path


def int8_network(widths: tuple[int, ...]) -> Accelerator:
    """As a build would have it."""
    with tempfile.TemporaryDirectory() as folder:
        return simplify(import_model(int8_file(Path(folder), widths), "int8").accelerator).accelerator
