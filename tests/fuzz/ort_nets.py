"""Random float models, quantised by onnxruntime's static quantisation: QDQ and QOperator."""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

from tests.fuzz.network import SAMPLES, Network

OPERATORS = ("Relu", "Relu", "Relu", "Sigmoid", "Clip", "LeakyRelu", "Tanh", "Elu", "none", "Softplus", "HardSigmoid")
CALIBRATION = 32
ERROR = 3


class Data(CalibrationDataReader):
    """One batch of inputs."""

    def __init__(self, x: np.ndarray):
        self.batches = iter([{"x": x}])

    def get_next(self):
        return next(self.batches, None)


def ort_network(seed: int) -> Network:
    rng = np.random.default_rng([seed, 3])
    opset = int(rng.choice([13, 15, 17, 19, 20, 21, 21, 22, 23]))
    features, notes = int(rng.integers(2, 13)), [f"opset {opset}"]
    model = from_torch(rng, seed, features, notes) if rng.random() < 0.15 else float_model(rng, opset, features, notes)
    x = rng.normal(0, 1.5, (CALIBRATION, features)).astype(np.float32)
    data = quantised(model, options(rng, opset, notes), x)
    inputs = rng.normal(0, 1.5, (SAMPLES, features)).astype(np.float32)
    return Network("ort", seed, "; ".join(notes), data, _with_ties(rng, data, inputs))


def quantised(model: onnx.ModelProto, chosen: dict, x: np.ndarray) -> bytes:
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()), _errors_only():
        onnxruntime.set_default_logger_severity(ERROR)
        source, target = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        onnx.save(model, source)
        quantize_static(str(source), str(target), Data(x), calibrate_method=CalibrationMethod.MinMax, **chosen)
        return target.read_bytes()


@contextlib.contextmanager
def _errors_only():
    """onnxruntime.quantization warns through the root logger, which is left as it was."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)


def options(rng: np.random.Generator, opset: int, notes: list[str]) -> dict:
    """Of quantize_static, as far as they go together."""
    qdq = bool(rng.random() < 0.65)
    wide = qdq and opset >= 21
    activations = [QuantType.QInt8, QuantType.QUInt8, QuantType.QUInt8] + [QuantType.QInt16, QuantType.QUInt16] * wide
    kinds = [QuantType.QInt8, QuantType.QInt8, QuantType.QUInt8] + [QuantType.QInt4, QuantType.QUInt4, QuantType.QInt16] * wide
    activation, weight = activations[rng.integers(len(activations))], kinds[rng.integers(len(kinds))]
    if activation == QuantType.QInt8 and weight == QuantType.QUInt8:
        weight = QuantType.QInt8
    extra = {"ActivationSymmetric": bool(rng.random() < 0.3), "WeightSymmetric": bool(rng.random() < 0.7)}
    if qdq and rng.random() < 0.2:
        extra["QDQKeepRemovableActivations"] = True
    if qdq and rng.random() < 0.2:
        extra["AddQDQPairToWeight"] = True
    if qdq and rng.random() < 0.2:
        extra["QuantizeBias"] = False
    may_overflow = not qdq and (activation, weight) == (QuantType.QUInt8, QuantType.QInt8)
    chosen = {"quant_format": QuantFormat.QDQ if qdq else QuantFormat.QOperator, "activation_type": activation,
              "weight_type": weight, "per_channel": bool(rng.random() < 0.5), "reduce_range": bool(rng.random() < 0.2) or may_overflow,
              "extra_options": extra}
    notes.append(str(chosen))
    return chosen


def float_model(rng: np.random.Generator, opset: int, features: int, notes: list[str]) -> onnx.ModelProto:
    """Gemm or MatMul and Add, an operator behind each layer, maybe Softmax at the end."""
    nodes, constants, tensor, width = [], [], "x", features

    def node(kind: str, inputs: list[str], **attributes) -> str:
        output = f"{kind}_{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.asarray(value, np.float32), f"c{len(constants)}"))
        return constants[-1].name

    for _ in range(int(rng.integers(1, 4))):
        outputs = int(rng.integers(2, 11))
        matrix = rng.normal(0, 1, (width, outputs)) / np.sqrt(width) * rng.uniform(0.3, 2, outputs)
        shift = constant(rng.normal(0, 0.5, outputs))
        kind = rng.choice(["Gemm", "Gemm", "MatMul", "bare"])
        if kind == "Gemm":
            turned = int(rng.integers(2))
            tensor = node("Gemm", [tensor, constant(matrix.T if turned else matrix), shift], transB=turned)
        else:
            tensor = node("MatMul", [tensor, constant(matrix)])
            tensor = node("Add", [tensor, shift]) if kind == "MatMul" else tensor
        width = outputs
        operator = str(rng.choice(OPERATORS))
        notes.append(f"{kind} {operator}")
        if operator == "Clip":
            tensor = node("Clip", [tensor, constant(0), constant(rng.choice([1.0, 6.0]))])
        elif operator != "none":
            tensor = node(operator, [tensor])
    if rng.random() < 0.3:
        tensor = node("Softmax", [tensor], axis=int(rng.choice([1, -1])))
    graph = helper.make_graph(nodes, "float", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", features])],
                              [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, ["batch", width])], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8 if opset < 21 else 10)


def from_torch(rng: np.random.Generator, seed: int, features: int, notes: list[str]) -> onnx.ModelProto:
    """A torch model, exported by TorchScript with an open batch."""
    import torch

    torch.manual_seed(seed)
    hidden, classes = (int(n) for n in rng.integers(2, 11, 2))
    between = [torch.nn.ReLU(), torch.nn.Sigmoid(), torch.nn.LeakyReLU(0.1), torch.nn.ReLU6(), torch.nn.ELU()][rng.integers(5)]
    norm = [torch.nn.BatchNorm1d(hidden)] if rng.random() < 0.3 else []
    net = torch.nn.Sequential(torch.nn.Linear(features, hidden), *norm, between, torch.nn.Linear(hidden, classes)).eval()
    notes.append(f"torch {between} {len(norm)}")
    buffer = io.BytesIO()
    torch.onnx.export(net, torch.zeros(2, features), buffer, input_names=["x"], dynamo=False, opset_version=17,
                      dynamic_axes={"x": {0: "batch"}})
    return onnx.load_from_string(buffer.getvalue())


def _with_ties(rng: np.random.Generator, data: bytes, inputs: np.ndarray) -> np.ndarray:
    """Half the values moved to the levels of the first quantiser and half-way between them."""
    model = onnx.load_from_string(data)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    first = next((node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "x"), None)
    if first is None:
        return inputs
    scale = numpy_helper.to_array(constants[first.input[1]])
    moved = (np.round(inputs / scale) + rng.choice([0, 0.5], inputs.shape)) * scale
    return np.where(rng.random(inputs.shape) < 0.5, moved, inputs).astype(np.float32)
