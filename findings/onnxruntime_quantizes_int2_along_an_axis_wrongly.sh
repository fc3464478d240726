#!/usr/bin/env bash
# onnxruntime 1.25.1: QuantizeLinear to INT2 with a scale for each channel (opset 25, which brought the two-bit types) gives integers that the
# ONNX text does not, silently and without graph optimisations; single samples and batches differ from each other, too. INT4 and INT8, INT2
# with one scale, and DequantizeLinear of INT2 along an axis are right.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q onnx==1.21.0 onnxruntime==1.25.1 numpy==2.4.6
"$there/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper

SCALES = np.array([0.5, 1.0, 0.25, 2.0], np.float32)

def session(nodes, value, constants):
    graph = helper.make_graph(nodes, "two_bits", value, [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["m", 4])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 25)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

def wrong(kind, low, high, scales):
    axis = {"axis": 1} if scales.ndim else {}
    constants = [helper.make_tensor("s", TensorProto.FLOAT, scales.shape, scales.reshape(-1)),
                 helper.make_tensor("z", kind, scales.shape, [0] * scales.size)]
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"], **axis), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"], **axis)]
    x = np.random.default_rng(0).normal(0, 1, (50, 4)).astype(np.float32)
    answer = session(nodes, [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])], constants).run(None, {"x": x})[0]
    return int(np.sum(answer != np.clip(np.rint(x / scales), low, high) * scales))

def dequantised():
    constants = [helper.make_tensor("w", TensorProto.INT2, [2, 4], [-2, -1, 0, 1, 1, 0, -1, -2]),
                 helper.make_tensor("s", TensorProto.FLOAT, [4], SCALES)]
    return session([helper.make_node("DequantizeLinear", ["w", "s"], ["y"], axis=1)], [], constants).run(None, {})[0]

counts = {"INT2 by channel": wrong(TensorProto.INT2, -2, 1, SCALES), "INT2 with one scale": wrong(TensorProto.INT2, -2, 1, np.float32(0.5)),
          "INT4 by channel": wrong(TensorProto.INT4, -8, 7, SCALES), "INT8 by channel": wrong(TensorProto.INT8, -128, 127, SCALES)}
print("wrong of 200:", counts)
print("dequantised by channel:", dequantised().tolist())
assert counts["INT2 by channel"] > 0, "onnxruntime quantises INT2 by channel rightly now"
assert not any(count for name, count in counts.items() if name != "INT2 by channel")
assert np.array_equal(dequantised(), np.array([[-2, -1, 0, 1], [1, 0, -1, -2]]) * SCALES)
PY
