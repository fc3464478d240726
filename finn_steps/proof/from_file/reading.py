"""A user's ONNX file as a chain of layers in exact rational numbers."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx

from finn_steps.proof.from_file.exact import Step, rational, run
from finn_steps.proof.from_file.operators import UNCHANGED, Operator, dequantise, requantise
from finn_steps.proof.limits import Deadline, NotUnderstood

MOST_CONSTANTS = 1 << 20
LAYERS = ("MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "QGemm")


@dataclass(frozen=True, eq=False)
class FileLayer:
    """weights object [MH, MW] and bias object [MH], of Fraction: sum = weights @ values + bias. `in_floats`: the sum is made in
    float32. after: the steps behind it, up to the next layer, or as far as they are known."""

    name: str
    weights: np.ndarray
    bias: np.ndarray
    in_floats: bool
    after: list[Step]


@dataclass(frozen=True, eq=False)
class FileChain:
    """features: values of a sample; integers: of which datatype the input is already, as the file says, or None; head: steps in front of the
    first layer; stopped: why the steps behind the last layer end before the output, or None."""

    features: int
    integers: str | None
    head: list[Step]
    layers: list[FileLayer]
    stopped: str | None


def read_chain(path: Path | str, deadline: Deadline) -> FileChain:
    """NotUnderstood, naming the node, for what the checker cannot follow."""
    return _Reader(onnx.load(str(path)), deadline).chain()


class _Reader:
    def __init__(self, model: onnx.ModelProto, deadline: Deadline):
        self.graph, self.deadline = model.graph, deadline
        self.opset = max((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), default=1)
        self.stored = {tensor.name: tensor for tensor in self.graph.initializer}
        self.makers = {name: node for node in self.graph.node for name in node.output if name}
        inputs = [entry for entry in self.graph.input if entry.name not in self.stored]
        if len(inputs) != 1 or len(self.graph.output) != 1:
            raise NotUnderstood(f"the file has {len(inputs)} inputs and {len(self.graph.output)} outputs")
        self.input = inputs[0]
        self.constants: dict[str, np.ndarray] = {}
        self.kinds: dict[str, str] = {}
        self.changing: dict[str, bool] = {"": False, self.input.name: True}

    def chain(self) -> FileChain:
        shape = [size.dim_value for size in self.input.type.tensor_type.shape.dim]
        features = width = int(np.prod(shape[1:], dtype=np.int64))
        if len(shape) < 2 or not features:
            raise NotUnderstood(f"input {self.input.name} is not [batch, features]")
        path = self._data_path()
        last = max((place for place, node in enumerate(path) if node.op_type in LAYERS), default=-1)
        if last < 0:
            raise NotUnderstood("the file has no layer that is known in exact arithmetic")
        head: list[Step] = []
        steps, layers, stopped = head, [], None
        for place, node in enumerate(path):
            self.deadline.check()
            try:
                if node.op_type in LAYERS:
                    before, layer = self._layer(node, width)
                    steps += before
                    layers.append(layer)
                    steps, width = layer.after, len(layer.bias)
                else:
                    steps += self._operator(node, (1, width)).steps()
            except NotUnderstood as reason:
                if place <= last:
                    raise
                stopped = str(reason)
                break
        return FileChain(features, self._annotation(), head, layers, stopped)

    def _annotation(self) -> str | None:
        """The datatype of FINN's that the file gives its input, if that is one of integers; else its own type, if that is one."""
        kind = self.input.type.tensor_type.elem_type
        if kind not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16):
            return onnx.TensorProto.DataType.Name(kind)
        said = [item.value for note in self.graph.quantization_annotation if note.tensor_name == self.input.name
                for item in note.quant_parameter_tensor_names if item.key == "finn_datatype"]
        return said[0] if said and not said[0].startswith(("FLOAT", "FIXED", "SCALED")) else None

    def _data_path(self) -> list[onnx.NodeProto]:
        """The nodes from the input to the output, each of which has one input that is no constant."""
        path, tensor = [], self.graph.output[0].name
        while tensor != self.input.name:
            if tensor not in self.makers:
                raise NotUnderstood(f"tensor {tensor} comes from nowhere")
            node = self.makers[tensor]
            shaping = node.op_type in UNCHANGED
            data = list(node.input[:1]) if shaping else [name for name in node.input if self._changes(name)]
            if len(data) != 1:
                raise NotUnderstood(f"node {node.name or node.output[0]} ({node.op_type}) joins {len(data)} tensors that are no constants")
            path.append(node)
            tensor = data[0]
        return path[::-1]

    def _changes(self, name: str) -> bool:
        """Whether a tensor depends on the input."""
        waiting = [name]
        while waiting:
            top = waiting[-1]
            inputs = self.makers[top].input if top in self.makers and top not in self.stored else ()
            unknown = [each for each in inputs if each not in self.changing]
            if top not in self.changing and not unknown:
                self.changing[top] = any(self.changing[each] for each in inputs)
            waiting = waiting[:-1] if top in self.changing else waiting + unknown
        return self.changing[name]

    def _operator(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> Operator:
        data = node.input[0] if node.op_type in UNCHANGED else next(name for name in node.input if self._changes(name))
        values = [None if name in (data, "") or node.op_type in UNCHANGED else self.constant(name) for name in node.input]
        return Operator(node, values, [self.kinds.get(name) for name in node.input], shape, self.opset)

    def constant(self, name: str) -> np.ndarray:
        """A tensor that does not depend on the input, object array of Fraction."""
        if name not in self.constants:
            if name in self.stored:
                self._keep(name, onnx.numpy_helper.to_array(self.stored[name]))
            elif name in self.makers:
                self._compute(self.makers[name])
            else:
                raise NotUnderstood(f"tensor {name} comes from nowhere")
        return self.constants[name]

    def _keep(self, name: str, array: np.ndarray) -> None:
        if array.size > MOST_CONSTANTS:
            raise NotUnderstood(f"too large: tensor {name} has {array.size:,} numbers, the limit is {MOST_CONSTANTS:,}")
        self.constants[name], self.kinds[name] = rational(array), array.dtype.name

    def _compute(self, node: onnx.NodeProto) -> None:
        self.deadline.check()
        name = node.output[0]
        if node.op_type == "Constant":
            value = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
            self._keep(name, onnx.numpy_helper.to_array(value["value"]) if "value" in value else np.asarray(next(iter(value.values()))))
            return
        data = self.constant(node.input[0])
        self.kinds[name] = self.kinds[node.input[0]]
        if node.op_type == "Transpose":
            order = next((list(item.ints) for item in node.attribute if item.name == "perm"), None)
            self.constants[name] = data.transpose(order)
        elif node.op_type in ("Reshape", "Flatten", "Squeeze", "Unsqueeze"):
            raise NotUnderstood(f"node {node.name or name} ({node.op_type}) makes a constant; not known in exact arithmetic")
        else:
            self.constants[name] = self._elementwise(node, data)

    def _elementwise(self, node: onnx.NodeProto, data: np.ndarray) -> np.ndarray:
        values = [None] + [self.constant(each) if each else None for each in node.input[1:]]
        operator = Operator(node, values, [self.kinds.get(each) for each in node.input], data.shape, self.opset)
        if node.op_type == "QuantizeLinear":
            self.kinds[node.output[0]] = operator.types[2] if operator.given(2) else "uint8"
        steps, found = operator.steps(), []
        for place, value in enumerate(data.reshape(-1)):
            if place % 1024 == 0:
                self.deadline.check()
            low, high = run(steps, (value, value), place)
            if low != high:
                raise NotUnderstood(f"node {operator.name} makes a constant that is no rational number")
            found.append(low)
        return np.array(found, dtype=object).reshape(data.shape)

    def _layer(self, node: onnx.NodeProto, width: int) -> tuple[list[Step], FileLayer]:
        """The steps in front of the sum that a layer's node does itself, and the layer."""
        name = f"{node.name or node.output[0]} ({node.op_type})"
        if not self._changes(node.input[0]):
            raise NotUnderstood(f"node {name} has its weights on the left")
        before, weights, bias, in_floats, after = getattr(self, f"_{node.op_type.lower()}")(node, width)
        if weights.ndim != 2 or weights.shape[1] != width:
            raise NotUnderstood(f"node {name}: weights of shape {list(weights.shape)} for {width} inputs")
        bias = np.broadcast_to(bias, (1, len(weights))).reshape(-1)
        return before, FileLayer(name, weights, bias, in_floats, after)

    def _matmul(self, node, width):
        weights = self.constant(node.input[1]).T
        return [], weights, rational(np.zeros(len(weights))), True, []

    def _gemm(self, node, width):
        facts = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
        if facts.get("transA", 0):
            raise NotUnderstood(f"node {node.name} (Gemm) has transA")
        weights = self.constant(node.input[1])
        weights = (weights if facts.get("transB", 0) else weights.T) * Fraction(facts.get("alpha", 1.0))
        return [], weights, self._optional(node, 2) * Fraction(facts.get("beta", 1.0)), True, []

    def _optional(self, node, place: int) -> np.ndarray:
        given = place < len(node.input) and node.input[place]
        return self.constant(node.input[place]) if given else rational(np.zeros(()))

    def _matmulinteger(self, node, width):
        zero, operator = self._optional(node, 2), self._operator(node, (1, width))
        weights = (self.constant(node.input[1]) - self._optional(node, 3)).T
        before = dequantise(operator, [Fraction(1)] * width, list(np.broadcast_to(zero, (width,))))
        return before, weights, rational(np.zeros(len(weights))), False, []

    def _qlinearmatmul(self, node, width):
        a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (self.constant(name) for name in node.input[1:])
        weights = ((b - b_zero) * b_scale).T
        into = self._operator(node, (1, width))
        before = dequantise(into, _spread(a_scale, width), _spread(a_zero, width))
        behind = Operator(node, into.values, into.types, (1, len(weights)), self.opset)
        steps = requantise(behind, *(_spread(values, len(weights)) for values in (y_scale, y_zero)), self.kinds[node.input[7]])
        return before, weights, rational(np.zeros(len(weights))), False, steps

    def _qgemm(self, node, width):
        raise NotUnderstood(f"node {node.name or node.output[0]} (QGemm) is not known in exact arithmetic")


def _spread(values: np.ndarray, count: int) -> list[Fraction]:
    return list(np.broadcast_to(values.reshape(-1), (count,)))
