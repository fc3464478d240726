#!/usr/bin/env bash
# onnxruntime 1.25.1: with its default optimisations a Clip of integers between QuantizeLinear and DequantizeLinear is dropped, so a network
# of fewer than 8 bits in the QCDQ form answers with values that its own format does not have. With ORT_DISABLE_ALL, and in onnx' reference
# evaluator, the Clip acts. QCDQ with such a Clip is how Brevitas writes activations of 2 to 7 bits.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q onnx==1.21.0 onnxruntime==1.25.1 numpy==2.4.6
"$there/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

constants = {"s": np.float32(0.5), "z": np.int8(0), "low": np.int8(-2), "high": np.int8(1)}
nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("Clip", ["q", "low", "high"], ["c"]),
         helper.make_node("DequantizeLinear", ["c", "s", "z"], ["y"])]
graph = helper.make_graph(nodes, "two_bits", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
                          [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
x = np.array([[-3.0, -0.5, 0.5, 3.0]], np.float32)

def run(level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]

levels = onnxruntime.GraphOptimizationLevel
default, plain, reference = run(levels.ORT_ENABLE_ALL), run(levels.ORT_DISABLE_ALL), ReferenceEvaluator(model).run(None, {"x": x})[0]
print("default", default, "\nplain  ", plain, "\nonnx   ", reference)
assert np.array_equal(plain, reference), "the plain session no longer follows the ONNX text"
assert not np.array_equal(default, plain), "the default session no longer drops the Clip"
PY
