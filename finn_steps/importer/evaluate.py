"""Running a piece of the standard model in onnxruntime, exactly as written: no operator is fused, reordered or folded."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

FATAL_ONLY = 3


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """onnxruntime on the CPU without graph optimisation, silent."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Piece:
    """The operators between two tensors of a standard model, as a function on float32 arrays [N, width]."""

    def __init__(self, standard: onnx.ModelProto, start: str, end: str, width: int):
        model = onnx.ModelProto()
        model.CopyFrom(standard)
        graph = model.graph
        nodes = _between(standard.graph, start, end)
        del graph.node[:], graph.input[:], graph.output[:], graph.value_info[:]
        graph.node.extend(nodes)
        graph.input.append(helper.make_tensor_value_info(start, TensorProto.FLOAT, ["batch", width]))
        graph.output.append(helper.make_tensor_value_info(end, TensorProto.FLOAT, None))
        used = {name for node in nodes for name in node.input}
        for tensor in [t for t in graph.initializer if t.name not in used]:
            graph.initializer.remove(tensor)
        self.start = start
        self.session = session(model)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        values = np.ascontiguousarray(values, np.float32)
        return self.session.run(None, {self.start: values})[0].reshape(values.shape)


def _between(graph: onnx.GraphProto, start: str, end: str) -> list[onnx.NodeProto]:
    """Nodes that `end` needs, without those before `start`, in graph order."""
    producers = {output: node for node in graph.node for output in node.output}
    needed, pending = set(), [end]
    while pending:
        tensor = pending.pop()
        if tensor == start or tensor not in producers or id(producers[tensor]) in needed:
            continue
        needed.add(id(producers[tensor]))
        pending.extend(producers[tensor].input)
    return [node for node in graph.node if id(node) in needed]
