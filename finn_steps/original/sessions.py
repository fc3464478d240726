"""onnxruntime sessions over nodes as they are: nothing optimised, any tensor observed, and failures told by the node."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import onnx
import onnxruntime
from onnx import NodeProto, TensorProto, helper

from finn_steps.original.user_file import inputs_of

FATAL_ONLY = 4
LONGEST = 220
OLDEST_IR = 4
"""From which on a constant need not be declared as an input too."""
OBSERVED = {"int4": TensorProto.INT8, "uint4": TensorProto.UINT8, "int2": TensorProto.INT8, "uint2": TensorProto.UINT8,
            "bfloat16": TensorProto.FLOAT,
            **{f"float8{kind}": TensorProto.FLOAT for kind in ("e4m3fn", "e4m3fnuz", "e5m2", "e5m2fnuz")}}
"""What onnxruntime cannot hand to numpy is cast, exactly, to what it can."""


def session(model: onnx.ModelProto | str) -> onnxruntime.InferenceSession:
    """onnxruntime on one CPU thread without graph optimisation, silent, of a model or of a file."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = FATAL_ONLY
    source = model if isinstance(model, str) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


class Part:
    """Some nodes of a model as a function of tensors from outside (or in the place of the model's own). Declared types
    and shapes of what the nodes make are left out: no result depends on them, and they can be wrong. Weights and other constants are the model's own.

    .run(values, names)  {name: array} of any tensors that the nodes make
    """

    def __init__(self, model: onnx.ModelProto, nodes: Sequence[NodeProto]):
        self.model, self.nodes = model, tuple(nodes)
        self._sessions: dict[tuple, onnxruntime.InferenceSession] = {}

    def run(self, values: dict[str, np.ndarray], names: Sequence[str]) -> dict[str, np.ndarray]:
        key = tuple(names), tuple((name, array.dtype) for name, array in values.items())
        if key not in self._sessions:
            self._sessions[key] = self._session(values, names)
        return dict(zip(names, self._sessions[key].run(None, values)))

    def _session(self, values, names) -> onnxruntime.InferenceSession:
        inputs = [open_value(name, array.dtype) for name, array in values.items()]
        made = session(part_of(self.model, self.nodes, inputs, names))
        odd = {name: kind for name, kind in ((o.name, OBSERVED.get(o.type[len("tensor("):-1])) for o in made.get_outputs()) if kind}
        if not odd:
            return made
        casts = [helper.make_node("Cast", [name], [f"{name}/observed"], to=kind) for name, kind in odd.items()]
        return session(part_of(self.model, [*self.nodes, *casts], inputs, [f"{n}/observed" if n in odd else n for n in names]))

    def failing_node(self, inputs: Sequence[onnx.ValueInfoProto]) -> tuple[NodeProto, str] | None:
        """The first node with which the nodes up to it make no session, and why; None if all do."""
        def failure(count: int) -> str | None:
            return attempt(lambda: session(part_of(self.model, self.nodes[:count], inputs, self.nodes[count - 1].output)))

        good, bad, reason = 0, len(self.nodes), failure(len(self.nodes))
        if reason is None:
            return None
        while bad - good > 1:
            middle = (good + bad) // 2
            found = failure(middle)
            good, bad, reason = (middle, bad, reason) if found is None else (good, middle, found)
        return self.nodes[bad - 1], reason


def part_of(model: onnx.ModelProto, nodes: Sequence[NodeProto], inputs, outputs: Sequence[str]) -> onnx.ModelProto:
    """A model of these nodes with the same constants, functions and operator versions; names that the file repeats are told apart."""
    part = onnx.ModelProto()
    part.opset_import.extend(model.opset_import)
    if all(entry.domain not in ("", "ai.onnx") for entry in part.opset_import):
        part.opset_import.append(helper.make_opsetid("", newest_opset()))
    part.functions.extend(model.functions)
    part.ir_version = min(max(model.ir_version, OLDEST_IR), newest_ir())
    part.graph.name = model.graph.name or "part"
    given = {value.name for value in inputs}
    part.graph.node.extend(node for node in nodes if not given & set(node.output))
    _tell_apart(part.graph.node)
    part.graph.input.extend(inputs)
    read = {name for node in nodes for name in inputs_of(node)} - given
    part.graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in read | set(outputs))
    part.graph.sparse_initializer.extend(model.graph.sparse_initializer)
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name)
    return part


def _tell_apart(nodes: Sequence[NodeProto]) -> None:
    """onnxruntime takes no two nodes of one name."""
    seen: set[str] = set()
    for number, node in enumerate(nodes):
        if node.name in seen:
            node.name = f"{node.name}#{number}"
        seen.add(node.name)


def open_value(name: str, dtype: np.dtype) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), None)


@cache
def newest_opset() -> int:
    """The newest version of ONNX's operators that this onnxruntime runs."""
    return _newest(lambda version: _identity(version, 8))


@cache
def newest_ir() -> int:
    """The newest file format that this onnxruntime reads."""
    return _newest(lambda version: _identity(15, version))


def _newest(model_of: Callable[[int], onnx.ModelProto]) -> int:
    version = 8
    while attempt(lambda: session(model_of(version + 1))) is None:
        version += 1
    return version


def _identity(opset: int, ir_version: int) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "probe", values[:1], values[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def attempt(work: Callable[[], object]) -> str | None:
    """None where `work` succeeds, else what matters of its error."""
    try:
        work()
    except Exception as error:
        return essence(error)
    return None


def essence(error: BaseException) -> str:
    """One line of an error of onnxruntime or qonnx: without codes, source files and signatures, the failing node first."""
    text = " ".join((str(error) or type(error).__name__).split())
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    if failed := re.search(r"while running (\w+) node\. Name:'(.*?)' Status Message: (.*)", text):
        text = f"node {failed[2]} ({failed[1]}): {failed[3]}"
    text = re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) ", "", text)
    text = re.sub(r"^This is an invalid model\. In Node, \(.*?\) : .*?, (?=Error )", "", text)
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " ..."
