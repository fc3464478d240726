"""An ONNX file as the user gave it: its bytes, its one input, its nodes by name. Nothing is transformed."""

from __future__ import annotations

import hashlib
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType


class UserFile:
    """.sha256 of the bytes; .model with external data read in; .input its value_info; .input_shape behind the batch; .batch as it
    is declared, or None where it is open; .features input elements of one sample; .output name of the first graph output. A node
    without a name is called by its operator and its position."""

    def __init__(self, path: Path | str, name: str | None = None):
        """`name` is what messages call the file. OSError where there is no file, ValueError, in one line, where it is no ONNX model or
        has not one input of fixed shape."""
        self.path = Path(path)
        self.name = name or str(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.name}: no such model file")
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        try:
            self.model = onnx.load(self.path)
        except Exception as error:
            raise ValueError(f"{self.name}: not an ONNX model, truncated, or without its external data "
                             f"({str(error).strip().splitlines()[0]})") from error
        if not self.model.graph.node or not self.model.graph.output:
            raise ValueError(f"{self.name}: not an ONNX model, or truncated (it has no nodes or no output)")
        for position, node in enumerate(self.model.graph.node):
            node.name = node.name or f"{node.op_type}_{position}"
        self.input = self._only_input()
        shape = self.input.type.tensor_type.shape.dim
        self.batch = shape[0].dim_value if shape[0].dim_value > 0 else None
        self.input_shape = tuple(d.dim_value for d in shape[1:])
        self.features = int(np.prod(self.input_shape))
        self.output = self.model.graph.output[0].name

    def _only_input(self) -> onnx.ValueInfoProto:
        graph = self.model.graph
        constants = {tensor.name for tensor in graph.initializer}
        inputs = [value for value in graph.input if value.name not in constants]
        if len(inputs) != 1:
            raise ValueError(f"{self.name}: has inputs {', '.join(v.name for v in inputs) or 'none'}; supported: one input")
        dimensions = inputs[0].type.tensor_type.shape.dim
        if len(dimensions) < 2 or any(d.dim_value <= 0 for d in dimensions[1:]):
            shape = [d.dim_value or d.dim_param or "?" for d in dimensions]
            raise ValueError(f"{self.name}: input {inputs[0].name} has shape {shape}; supported: [batch, features ...], all but the "
                             "batch fixed")
        return inputs[0]

    def label(self, node: NodeProto) -> str:
        return f"node {node.name} ({node.op_type})"

    def maker(self, tensor: str) -> str:
        """The node that makes a tensor, or what else it is."""
        for node in self.model.graph.node:
            if tensor in node.output:
                return self.label(node)
        return f"input {tensor}" if tensor == self.input.name else f"constant {tensor}"

    @cached_property
    def dependent(self) -> tuple[NodeProto, ...]:
        """The nodes whose results depend on the input or on its shape, in file order."""
        return self._reached(())

    @cached_property
    def dependent_tensors(self) -> tuple[str, ...]:
        """What they make from the input's values, in file order; what is computed from shapes alone is left out."""
        return tuple(name for node in self._reached(("Shape", "Size")) for name in node.output if name)

    def _reached(self, stops: tuple[str, ...]) -> tuple[NodeProto, ...]:
        reached, chosen = {self.input.name}, set()
        nodes = [(i, n, set(inputs_of(n))) for i, n in enumerate(self.model.graph.node) if n.op_type not in stops]
        while new := [i for i, n, inputs in nodes if i not in chosen and reached & inputs]:
            chosen.update(new)
            reached.update(name for i in new for name in self.model.graph.node[i].output)
        return tuple(self.model.graph.node[i] for i in sorted(chosen))

    @cached_property
    def opened_shapes(self) -> dict[str, np.ndarray]:
        """Constant shapes of Reshape nodes that begin with the declared batch (1 where it is open), with 0, as it comes, there."""
        values = {tensor.name: tensor for tensor in self.model.graph.initializer}
        values |= {n.output[0]: a.t for n in self.model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"}
        names = {n.input[1] for n in self.dependent if n.op_type == "Reshape" and n.input[1] in values}
        shapes = {name: numpy_helper.to_array(values[name]).astype(np.int64).reshape(-1) for name in names}
        first = self.batch or 1
        return {name: np.concatenate([[0], shape[1:]]) for name, shape in shapes.items() if shape.size and shape[0] == first}

    def operators_before(self, tensor: str) -> set[str]:
        """Types of the operators that `tensor` is made by."""
        makers = {name: node for node in self.model.graph.node for name in node.output}
        pending, seen, found = [tensor], set(), set()
        while pending:
            name = pending.pop()
            if name in makers and name not in seen:
                seen.add(name)
                found.add(makers[name].op_type)
                pending.extend(inputs_of(makers[name]))
        return found

    @cached_property
    def input_datatype(self) -> str | None:
        """FINN's name of the integer type that the input is annotated with or has; None for floats."""
        for annotation in self.model.graph.quantization_annotation:
            if annotation.tensor_name == self.input.name:
                for entry in annotation.quant_parameter_tensor_names:
                    if entry.key == "finn_datatype" and DataType[entry.value].is_integer():
                        return entry.value
        dtype = self.input_dtype
        if dtype == np.bool_:
            return "BINARY"
        return {"i": f"INT{dtype.itemsize * 8}", "u": f"UINT{dtype.itemsize * 8}"}.get(dtype.kind)

    @cached_property
    def input_dtype(self) -> np.dtype:
        """ValueError for an element type that numpy does not know."""
        element = self.input.type.tensor_type.elem_type
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(element))
        if dtype.kind not in "fiub":
            raise ValueError(f"{self.name}: input {self.input.name} has elements of type {TensorProto.DataType.Name(element)}; "
                             "supported: bool, float16, float, double, int8 to int64 and uint8 to uint64")
        return dtype

    def representable(self, x: np.ndarray) -> np.ndarray:
        """The nearest values that the input can take, as float32: rounded to float16, to integers within the annotated range."""
        x = np.asarray(x, np.float32)
        if self.input_datatype is not None:
            low, high = (float(f()) for f in (DataType[self.input_datatype].min, DataType[self.input_datatype].max))
            return np.where(x >= 0, high, low).astype(np.float32) if self.input_datatype == "BIPOLAR" else \
                np.clip(np.rint(x), low, high).astype(np.float32)
        if self.input_dtype == np.float16:
            return np.clip(x, -65504, 65504).astype(np.float16).astype(np.float32)
        return x

    def cast(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> [N, *input_shape] of the input's type. ValueError for a value that the type does not hold."""
        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.features:
            raise ValueError(f"{self.name} takes [N, {self.features}] values, not {list(x.shape)}")
        with np.errstate(all="ignore"):
            values = x.astype(self.input_dtype)
            survives = np.array_equal(values.astype(np.float64), x.astype(np.float64), equal_nan=self.input_dtype.kind == "f")
        if not survives:
            raise ValueError(f"{self.name}: input {self.input.name} has elements of type {self.input_dtype}, which do not hold "
                             "the values given")
        return values.reshape(-1, *self.input_shape)


def copy_model(source: Path, target: Path) -> None:
    """The same bytes at `target`, and the model's external data files beside it."""
    shutil.copyfile(source, target)
    for location in external_files(source):
        (target.parent / location).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.parent / location, target.parent / location)


def external_files(path: Path) -> list[str]:
    """Locations, relative to the model, of the files that its tensors lie in."""
    model = onnx.load(path, load_external_data=False)
    tensors = [*model.graph.initializer, *(a.t for n in model.graph.node for a in n.attribute if a.type == AttributeProto.TENSOR)]
    return sorted({entry.value for tensor in tensors if tensor.data_location == TensorProto.EXTERNAL
                   for entry in tensor.external_data if entry.key == "location"})


def inputs_of(node: NodeProto) -> list[str]:
    """The tensors that a node reads, those that its subgraphs take from outside among them."""
    names = [name for name in node.input if name]
    for entry in node.attribute:
        for graph in ([entry.g] if entry.type == AttributeProto.GRAPH else entry.graphs):
            made = {v.name for v in graph.input} | {t.name for t in graph.initializer} | {o for n in graph.node for o in n.output}
            names += [name for inner in graph.node for name in inputs_of(inner) if name not in made]
    return names
