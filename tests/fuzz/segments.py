"""A graph of ONNX and QONNX nodes as runs of standard nodes, each an onnxruntime session, and single QONNX nodes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from qonnx.custom_op.registry import getCustomOp, resolve_domain

QONNX = "qonnx.custom_op.general"
FATAL_ONLY = 4


def is_qonnx(node: onnx.NodeProto) -> bool:
    return resolve_domain(node.domain) == QONNX


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """One thread, no graph optimisation, silent."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Segments:
    """A model, node after node: call it with {input name: array}, and it gives the arrays of `wanted` tensors, {name: array}."""

    def __init__(self, model: onnx.ModelProto, wanted: Iterable[str] = ()):
        self.model = model
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.wanted = [*wanted] or [value.name for value in model.graph.output]
        self.versions = {entry.domain: entry.version for entry in model.opset_import}
        self.runs = [self._qonnx(group[0]) if is_qonnx(group[0]) else self._standard(group) for group in _groups(model.graph)]

    def __call__(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = dict(inputs)
        for run in self.runs:
            run(values)
        return {name: self._value(values, name) for name in self.wanted}

    def _value(self, values: dict[str, np.ndarray], name: str) -> np.ndarray:
        if name not in values:
            values[name] = numpy_helper.to_array(self.constants[name])
        return values[name]

    def _qonnx(self, node: onnx.NodeProto) -> Callable:
        version = self.versions.get(node.domain, 1)

        def run(values: dict[str, np.ndarray]) -> None:
            context = {name: self._value(values, name) for name in node.input}
            _execute_by_bits(node, context, version)
            values[node.output[0]] = np.asarray(context[node.output[0]], np.float32)

        return run

    def _standard(self, nodes: list[onnx.NodeProto]) -> Callable:
        """A model of these nodes whose outputs are all that others read; inputs take whatever type and shape comes."""
        made = {name for node in nodes for name in node.output if name}
        read = {name for node in nodes for name in node.input if name}
        inputs = sorted(read - made - self.constants.keys())
        later = {name for node in self.model.graph.node if node not in nodes for name in node.input} | set(self.wanted)
        outputs = sorted(made & later)
        initializers = [self.constants[name] for name in sorted(read & self.constants.keys())]
        sessions: dict[tuple, onnxruntime.InferenceSession] = {}

        def run(values: dict[str, np.ndarray]) -> None:
            if not outputs:
                return
            feeds = {name: self._value(values, name) for name in inputs}
            signature = tuple((array.dtype, array.ndim) for array in feeds.values())
            if signature not in sessions:
                infos = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), [None] * array.ndim)
                         for name, array in feeds.items()]
                graph = helper.make_graph(nodes, "run", infos, [onnx.ValueInfoProto(name=name) for name in outputs], initializers)
                imports = [entry for entry in self.model.opset_import if entry.domain != QONNX]
                sessions[signature] = session(helper.make_model(graph, opset_imports=imports, ir_version=self.model.ir_version))
            values.update(zip(outputs, sessions[signature].run(outputs, feeds)))

        return run


def _groups(graph: onnx.GraphProto) -> list[list[onnx.NodeProto]]:
    """Maximal runs of standard nodes, and QONNX nodes alone; a QONNX node that reads constants only comes first."""
    constants = {tensor.name for tensor in graph.initializer}
    groups = [[node] for node in graph.node if is_qonnx(node) and constants.issuperset(node.input)]
    for node in graph.node:
        if is_qonnx(node) and constants.issuperset(node.input):
            continue
        if is_qonnx(node) or not groups or is_qonnx(groups[-1][0]):
            groups.append([])
        groups[-1].append(node)
    return groups


def _renamed_rounding(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    for attribute in copy.attribute:
        if attribute.s.upper() == b"ROUND_TO_ZERO":
            attribute.s = b"DOWN"
    return copy


def _execute_by_bits(node: onnx.NodeProto, context: dict[str, np.ndarray], version: int) -> None:
    """qonnx's own operator; a bit width by channel, which it cannot take, one width after the other.

    Brevitas writes ROUND_TO_ZERO, which qonnx knows as DOWN only.
    """
    node = _renamed_rounding(node)
    operator = getCustomOp(node, onnx_opset_version=version)
    bits = context[node.input[3]] if node.op_type in ("Quant", "IntQuant") else np.zeros(())
    if bits.size == 1:
        operator.execute_node(context, None)
        return
    result = None
    for width in np.unique(bits):
        part = {**context, node.input[3]: np.float32(width)}
        operator.execute_node(part, None)
        result = part[node.output[0]] if result is None else np.where(bits == width, part[node.output[0]], result)
    context[node.output[0]] = result
