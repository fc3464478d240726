#!/usr/bin/env bash
# onnxruntime 1.25.1: QuantizeLinear to UINT2 and INT2 does not saturate, as the ONNX text asks, where x / scale is 2**31 or more: the answer
# is the lowest level, not the highest. UINT4 and INT4 do the same where x / scale is infinite. 8 and 16 bits saturate.
# Exits 0 while this is so, 1 when it has changed.
set -eu
there=$(mktemp -d); trap 'rm -rf "$there"' EXIT
python3 -m venv "$there/venv"
"$there/venv/bin/pip" install -q onnx==1.21.0 onnxruntime==1.25.1 numpy==2.4.6
"$there/venv/bin/python" - <<'PY'
import numpy as np, onnx, onnxruntime
from onnx import TensorProto, helper

X = np.array([-4e9, 0.25, 1e6, 4e9, 3e38], np.float32)

def answers(kind):
    nodes = [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]), helper.make_node("DequantizeLinear", ["q", "s", "z"], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy"]
    constants = [helper.make_tensor("s", TensorProto.FLOAT, [], [0.5]), helper.make_tensor("z", kind, [], [0])]
    model = helper.make_model(helper.make_graph(nodes, "narrow", ends[:1], ends[1:], constants),
                              opset_imports=[helper.make_opsetid("", 25)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, {"x": X})[0]

for name, least, greatest in (("UINT2", 0, 3), ("INT2", -2, 1), ("UINT4", 0, 15), ("INT4", -8, 7), ("UINT8", 0, 255), ("INT16", -32768, 32767)):
    got, wanted = answers(getattr(TensorProto, name)), np.clip(np.rint(X / np.float32(0.5)), least, greatest) * 0.5
    print(f"{name:6} of {X.tolist()}: {got.tolist()}, by the ONNX text {wanted.tolist()}")
    wrong = {"UINT2": [False, False, False, True, True], "INT2": [False, False, False, True, True],
             "UINT4": [False, False, False, False, True], "INT4": [False, False, False, False, True]}.get(name, [False] * 5)
    assert np.array_equal(got != wanted, wrong), "this has changed"
    assert np.all(got[wrong] == least * 0.5)
PY
