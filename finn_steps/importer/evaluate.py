"""Running pieces of the model in onnxruntime, exactly as written: no operator is fused, reordered or folded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from finn_steps.importer.operators import MICROSOFT

FATAL_ONLY = 4
NARROW = {TensorProto.INT2: np.int8, TensorProto.UINT2: np.uint8, TensorProto.INT4: np.int8, TensorProto.UINT4: np.uint8}
"""Element types that numpy does not have, and what holds their values here."""
OPSET_OF_NARROW = 25
_ELEMENTS = {"float": TensorProto.FLOAT, **{name.lower(): value for name, value in TensorProto.DataType.items() if name != "FLOAT"}}
IR = 10
BLOCK = 2**21
"""Values that one run of a piece may hold at once."""
MOST_MEMORY = 2**29
"""Bytes of all tensors of all runs at a time."""


@dataclass(frozen=True, eq=False)
class Value:
    """An array and the ONNX element type that it stands for."""

    array: np.ndarray
    element: int

    @classmethod
    def of(cls, tensor: onnx.TensorProto) -> Value:
        """ValueError, naming the tensor, for element types that are neither floats nor integers of numpy's, nor (u)int2 and (u)int4."""
        if tensor.data_type in NARROW:
            return cls(_widened(tensor), tensor.data_type)
        array = onnx.numpy_helper.to_array(tensor)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"tensor {tensor.name} is of type {TensorProto.DataType.Name(tensor.data_type)}; supported: float16 to double, "
                             "(u)int2 to int64, bool")
        return cls(array, tensor.data_type)


def _widened(tensor: onnx.TensorProto) -> np.ndarray:
    """A tensor of 2 or 4 bits in bytes, by onnxruntime: onnx 1.21 cannot unpack a single UINT2."""
    ends = [helper.make_tensor_value_info("wide", _container(tensor.data_type), None)]
    model = _model([helper.make_node("Cast", [tensor.name], ["wide"], to=_container(tensor.data_type))], [], ends, OPSET_OF_NARROW)
    model.graph.initializer.append(tensor)
    return session(model).run(None, {})[0]


@cache
def _limit_memory() -> None:
    """onnxruntime's shared allocator, which refuses what is larger before anything is made."""
    cpu = onnxruntime.OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
    same_as_requested = {"arena_extend_strategy": 1, "initial_chunk_size_bytes": -1, "max_dead_bytes_per_chunk": -1}
    onnxruntime.create_and_register_allocator(cpu, onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY, **same_as_requested}))


def session(model: onnx.ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """onnxruntime on the CPU without graph optimisation, silent; all tensors together take MOST_MEMORY bytes at most."""
    _limit_memory()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.log_severity_level = FATAL_ONLY
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@cache
def _giving_back() -> onnxruntime.RunOptions:
    """Memory of a run goes back to the system, so that the next one has all of it."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def run(nodes: Sequence[onnx.NodeProto], values: dict[str, Value], outputs: Sequence[str], opset: int) -> dict[str, Value]:
    """What `nodes` make of `values`. ValueError, naming the last node, where onnxruntime cannot run them."""
    made = {name for node in nodes for name in node.output}
    names = list(dict.fromkeys(name for node in nodes for name in node.input if name and name not in made))
    narrow = [name for name in names if values[name].element in NARROW]
    inputs = [helper.make_tensor_value_info(_held(name, narrow), _container(values[name].element), values[name].array.shape) for name in names]
    before = [helper.make_node("Cast", [_held(name, narrow)], [name], to=values[name].element) for name in narrow]
    opset = max(opset, OPSET_OF_NARROW) if narrow else opset
    feeds = {_held(name, narrow): values[name].array for name in names}
    try:
        elements = _element_types([*before, *nodes], inputs, outputs, opset)
        small = [name for name in outputs if elements[name] in NARROW]
        opset = max(opset, OPSET_OF_NARROW) if small else opset
        after = [helper.make_node("Cast", [name], [_held(name, small)], to=_container(elements[name])) for name in small]
        ends = [helper.make_tensor_value_info(_held(name, small), _container(elements[name]), None) for name in outputs]
        arrays = session(_model([*before, *nodes, *after], inputs, ends, opset)).run(None, feeds, _giving_back())
    except Exception as error:
        raise ValueError(f"node {nodes[-1].name} ({nodes[-1].op_type}) cannot be run: {_essence(error)}") from error
    return {name: Value(array, elements[name]) for name, array in zip(outputs, arrays)}


class Piece:
    """Nodes between two tensors as a function on arrays [N, *shape of a sample] of any numeric type.

    Values are cast to the element type of the start; the answer is [N, width], float64 where that holds it exactly.
    """

    def __init__(self, nodes: Sequence[onnx.NodeProto], constants: dict[str, Value], start: str, shape: tuple[int, ...], element: int,
                 end: str, opset: int):
        self.shape, self.start = shape, start
        used = {name for node in nodes for name in node.input if name in constants}
        self.rows = max(1, BLOCK // max(1, int(np.prod(shape)) * max((_breadth(constants[name].array) for name in used), default=1)))
        if element in NARROW or any(constants[name].element in NARROW for name in used):
            opset = max(opset, OPSET_OF_NARROW)
        fed = _feeding_type(element)
        inputs = [helper.make_tensor_value_info(f"{start}/fed", fed, ["n", *shape])]
        casts = [helper.make_node("Cast", [f"{start}/fed"], [start], to=element)]
        ends = [helper.make_tensor_value_info(f"{end}/read", TensorProto.DOUBLE, None)]
        read = [helper.make_node("Cast", [end], [f"{end}/wide"], to=TensorProto.FLOAT),
                helper.make_node("Cast", [f"{end}/wide"], [f"{end}/read"], to=TensorProto.DOUBLE)]
        if element == TensorProto.DOUBLE:
            read = [helper.make_node("Cast", [end], [f"{end}/read"], to=TensorProto.DOUBLE)]
        model = _model([*casts, *nodes, *read], inputs, ends, opset)
        for name in used:
            model.graph.initializer.append(proto(name, constants[name]))
        self.fed = onnx.helper.tensor_dtype_to_np_dtype(fed)
        self.session = session(model)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """[N, width] -> float64 [N, width]"""
        values = np.asarray(values)
        parts = [self._run(values[start : start + self.rows]) for start in range(0, max(1, len(values)), self.rows)]
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _run(self, values: np.ndarray) -> np.ndarray:
        fed = np.ascontiguousarray(values.reshape(len(values), *self.shape), self.fed)
        return self.session.run(None, {f"{self.start}/fed": fed}, _giving_back())[0].reshape(len(values), -1)


def proto(name: str, value: Value) -> onnx.TensorProto:
    if value.element in NARROW:
        return helper.make_tensor(name, value.element, value.array.shape, value.array.reshape(-1).tolist())
    return onnx.numpy_helper.from_array(value.array, name)


def _breadth(array: np.ndarray) -> int:
    """How many values a comparison with a constant makes of one value."""
    return array.shape[-1] if array.ndim == 2 else 1


def _feeding_type(element: int) -> int:
    if element in (TensorProto.DOUBLE, TensorProto.FLOAT):
        return element
    return TensorProto.FLOAT if element in (TensorProto.FLOAT16, TensorProto.BFLOAT16) else TensorProto.INT32


def _held(name: str, narrow: Sequence[str]) -> str:
    return f"{name}/held" if name in narrow else name


def _container(element: int) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(NARROW[element])) if element in NARROW else element


def _element_types(nodes, inputs, outputs, opset: int) -> dict[str, int]:
    """Of the outputs, as onnxruntime infers them."""
    model = _model(nodes, inputs, [onnx.ValueInfoProto(name=name) for name in outputs], opset)
    return {end.name: _ELEMENTS[end.type.removeprefix("tensor(").removesuffix(")")] for end in session(model).get_outputs()}


def _model(nodes, inputs, outputs, opset: int) -> onnx.ModelProto:
    graph = helper.make_graph([named_by_output(node) for node in nodes], "piece", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(MICROSOFT, 1)], ir_version=IR)


def named_by_output(node: onnx.NodeProto) -> onnx.NodeProto:
    """A copy with a name that no other node has: onnxruntime asks for it, files do not always keep it."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.name = next(name for name in node.output if name)
    return copy


def _essence(error: Exception) -> str:
    """The part of onnx' or onnxruntime's message that says what is wrong."""
    text = " ".join(str(error).split()).rsplit("Status Message:", 1)[-1].strip()
    if too_large := re.search(r"smaller than requested bytes of (\d+)", text):
        return f"it takes {int(too_large[1]) / 2**20:,.0f} MB of memory; supported: {MOST_MEMORY / 2**20:,.0f} MB with all that there is"
    return re.sub(r"/onnxruntime_src/\S+:\d+ .*?\) ", "", text)[:200]
