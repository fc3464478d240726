#!/usr/bin/env bash
# qonnx 1.0.0: QCDQToQuant reads the scale of a DequantizeLinear without its `axis`. On square weights with one scale for each row (axis 0,
# which is how onnxruntime.quantization writes a Gemm with transB per channel) the converted model multiplies by other weights,
# without a warning; on others that are not square it fails in numpy's broadcasting.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q "setuptools<81" qonnx==1.0.0 onnx==1.21.0 onnxruntime==1.25.1 numpy==2.4.6
"$there/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant

weights = np.array([[1, 2], [3, 4]], np.int8)
constants = {"s": np.float32(0.5), "z": np.int8(0), "w": weights, "ws": np.array([1, 10], np.float32), "wz": np.zeros(2, np.int8)}
nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["xd"]),
         helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wd"], axis=0), helper.make_node("Gemm", ["xd", "wd"], ["y"], transB=1)]
graph = helper.make_graph(nodes, "per_channel", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
                          [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
                          [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
onnx.checker.check_model(model, full_check=True)
x = np.array([[1.0, 2.0]], np.float32)
options = onnxruntime.SessionOptions()
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
file = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
converted = ModelWrapper(model).transform(InferShapes()).transform(QCDQToQuant()).transform(InferShapes())
read = execute_onnx(converted, {"x": x})["y"]
print("the file ", file, "\nconverted", read)
assert np.array_equal(file, [[5.0, 110.0]]), "onnxruntime no longer follows the ONNX text"
assert not np.array_equal(read, file), "QCDQToQuant reads the axis now"
PY
