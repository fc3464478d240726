#!/usr/bin/env bash
# qonnx 1.0.0: the Quant operator is defined for a bit width that broadcasts against its input, and networks with a width for each
# channel (HGQ's) need that; but qonnx' own executor compares the width with 1 as if it were one number, and raises ValueError. The same
# node with one width for all channels, as an array too, runs only if the array has one element.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q "setuptools<81" qonnx==1.0.0 onnx==1.21.0 onnxruntime==1.25.1 numpy==2.4.6
"$there/venv/bin/python" - <<'PY'
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.basic import qonnx_make_model

def answer(bits):
    constants = {"s": np.float32(0.5), "z": np.float32(0), "b": np.asarray(bits, np.float32)}
    node = helper.make_node("Quant", ["x", "s", "z", "b"], ["y"], domain="qonnx.custom_op.general", signed=1, narrow=0, rounding_mode="ROUND")
    graph = helper.make_graph([node], "widths", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])],
                              [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return execute_onnx(ModelWrapper(qonnx_make_model(graph)), {"x": np.array([[9.0, 9.0]], np.float32)})["y"]

print("one width:", answer([[3]]))
assert np.array_equal(answer([[3]]), [[1.5, 1.5]])
try:
    print("a width for each channel:", answer([[3, 4]]))
except ValueError as error:
    print("a width for each channel: ValueError:", error)
else:
    raise SystemExit("qonnx executes widths by channel now")
PY
