"""Nodes that become several: QONNX' operators, the static QOperator format, Gemm; each in ONNX' own operators, in the file's order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx

from finn_steps.importer import custom_operators
from finn_steps.importer.emitter import Emitter
from finn_steps.importer.evaluate import Value
from finn_steps.importer.nodes import attribute
from finn_steps.importer.operators import is_custom


@dataclass(frozen=True, eq=False)
class Link:
    """One step along the data: what a node (or a part of it) of the user's file does to one tensor.

    name, kind   the user's node and its operator, for messages; `kind` of a part is the ONNX operator that it is
    node         the user's node
    nodes        the same in standard operators
    input, output  tensors
    levels       None, or for a part that rounds to integers: least and greatest
    """

    name: str
    kind: str
    node: onnx.NodeProto
    nodes: tuple[onnx.NodeProto, ...]
    input: str
    output: str
    levels: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Lowered:
    """links of one node, and the constants that they need."""

    links: tuple[Link, ...]
    constants: tuple[onnx.TensorProto, ...] = ()


class Lowering:
    """Turns one node after the other. `constants` holds what is known when a node is met; it is only read."""

    def __init__(self, constants: dict[str, Value], taken: set[str], custom_version: int):
        self.constants, self.taken, self.custom_version = constants, taken, custom_version

    def lower(self, node: onnx.NodeProto, name: str) -> Lowered:
        """ValueError, naming the node, for parameters that are computed or not supported."""
        if is_custom(node.domain):
            return self._custom(node, name)
        special = {"Gemm": self._gemm, "QGemm": self._qgemm, "QLinearMatMul": self._qlinear_matmul, "QLinearAdd": self._elementwise,
                   "QLinearMul": self._elementwise, "QLinearSigmoid": self._elementwise, "QLinearLeakyRelu": self._elementwise}.get(node.op_type)
        return special(node, name) if special else Lowered((self._link(node, name, node.op_type, [node]),))

    def _custom(self, node: onnx.NodeProto, name: str) -> Lowered:
        kind = "Quant" if node.op_type == "IntQuant" else node.op_type
        parameters = [self._parameter(node, name, tensor) for tensor in node.input[1:]]
        needed = {"Quant": 3, "BipolarQuant": 1, "Trunc": 4 if self.custom_version < 2 else 5, "FloatQuant": 5, "MultiThreshold": 1}[kind]
        if len(parameters) < needed:
            raise ValueError(f"node {name} ({node.op_type}) has {len(node.input)} inputs; supported: {needed + 1}")
        _check_numbers(node, name, parameters[:needed], may_be_infinite=kind in ("MultiThreshold", "FloatQuant"))
        if kind != "MultiThreshold":
            _check_scale(node, name, parameters[0])
        emit = Emitter(node.output[0], self.taken)
        arguments = (node, name, parameters[:needed], emit)
        if kind == "Trunc":
            custom_operators.trunc(*arguments, min(self.custom_version, 2))
        else:
            {"Quant": custom_operators.quant, "BipolarQuant": custom_operators.bipolar_quant,
             "FloatQuant": custom_operators.float_quant, "MultiThreshold": custom_operators.multithreshold}[kind](*arguments)
        return Lowered((self._link(node, name, kind, emit.nodes),), tuple(emit.constants))

    def _gemm(self, node: onnx.NodeProto, name: str) -> Lowered:
        """MatMul [, Mul(alpha)] [, Add(beta * C)]: onnxruntime's Gemm adds C to the finished sum."""
        self._check_gemm(node, name)
        emit, alpha, beta = Emitter(node.output[0], self.taken), attribute(node, "alpha", 1.0), attribute(node, "beta", 1.0)
        weights = node.input[1]
        if attribute(node, "transB", 0):
            weights = emit.add("Transpose", weights, perm=[1, 0])
        bias = node.input[2] if len(node.input) > 2 and node.input[2] and beta != 0 else None
        if bias and beta != 1:
            bias = emit.add("Mul", bias, emit.constant(beta))
        steps = [("MatMul", weights), *([("Mul", emit.constant(alpha))] if alpha != 1 else []), *([("Add", bias)] if bias else [])]
        return self._chain(node, name, emit, node.input[0], steps)

    def _chain(self, node, name, emit: Emitter, tensor: str, steps) -> Lowered:
        """Steps (kind, operand) one behind the other; constant nodes made before them belong to the first."""
        links, pending = [], list(emit.nodes)
        for number, (kind, operand) in enumerate(steps):
            output = node.output[0] if number == len(steps) - 1 else emit.name(kind)
            pending.append(onnx.helper.make_node(kind, [tensor, operand], [output], name=output))
            links.append(Link(name, kind, node, tuple(pending), tensor, output))
            tensor, pending = output, []
        return Lowered(tuple(links), tuple(emit.constants))

    def _qlinear_matmul(self, node: onnx.NodeProto, name: str) -> Lowered:
        a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = node.input
        emit = Emitter(node.output[0], self.taken)
        product = self._integer_product(node, name, emit, a, a_zero, b, b_zero)
        values = {tensor: np.asarray(self._parameter(node, name, tensor), np.float32) for tensor in (a_scale, b_scale, y_scale)}
        multiplier = values[a_scale] * values[b_scale] / values[y_scale]
        return self._requantised(node, name, emit, [product], multiplier, y_zero)

    def _qgemm(self, node: onnx.NodeProto, name: str) -> Lowered:
        """onnxruntime's quantised Gemm: integer sums and bias, then a float32 factor."""
        self._check_gemm(node, name)
        a, a_scale, a_zero, b, b_scale, b_zero, *rest = [*node.input]
        bias, y_scale, y_zero = (rest + [""] * 3)[:3]
        emit = Emitter(node.output[0], self.taken)
        if attribute(node, "transB", 0):
            b = emit.add("Transpose", b, perm=[1, 0])
        links = [self._integer_product(node, name, emit, a, a_zero, b, b_zero)]
        if bias:
            output = emit.name("Add")
            addition = onnx.helper.make_node("Add", [links[-1].output, bias], [output], name=output)
            links.append(Link(name, "Add", node, (addition,), links[-1].output, output))
        scale = np.float32(attribute(node, "alpha", 1.0)) * np.float32(self._parameter(node, name, a_scale)) \
            * np.asarray(self._parameter(node, name, b_scale), np.float32)
        if not y_scale:
            start = len(emit.nodes)
            emit.add("Mul", emit.cast(links[-1].output, np.float32), emit.constant(scale), output=node.output[0])
            links.append(Link(name, "Mul", node, tuple(emit.nodes[start:]), links[-1].output, node.output[0]))
            return Lowered(tuple(links), tuple(emit.constants))
        return self._requantised(node, name, emit, links, scale / np.float32(self._parameter(node, name, y_scale)), y_zero)

    def _elementwise(self, node: onnx.NodeProto, name: str) -> Lowered:
        """onnxruntime's operators from quantised to quantised: kept as they are, with the levels of the zero point's type."""
        zero = self._parameter(node, name, node.input[7 if node.op_type in ("QLinearAdd", "QLinearMul") else 4])
        limits = np.iinfo(zero.dtype)
        link = self._link(node, name, node.op_type, [node])
        return Lowered((replace(link, levels=(int(limits.min), int(limits.max))),))

    def _integer_product(self, node, name, emit: Emitter, a, a_zero, b, b_zero) -> Link:
        before = list(emit.nodes)
        output = emit.name("MatMulInteger")
        product = onnx.helper.make_node("MatMulInteger", [a, b, a_zero, b_zero], [output], name=output)
        return Link(name, "MatMulInteger", node, (*before, product), a, output)

    def _requantised(self, node, name, emit: Emitter, links: list[Link], multiplier, y_zero: str) -> Lowered:
        """As onnxruntime does: times a float32 factor, to the nearest even integer, plus the zero point, clipped to the type."""
        zero = self._parameter(node, name, y_zero)
        limits = np.iinfo(zero.dtype)
        start = len(emit.nodes)
        y = emit.add("Mul", emit.cast(links[-1].output, np.float32), emit.constant(multiplier))
        y = emit.add("Add", emit.add("Round", y), emit.constant(zero))
        y = emit.add("Clip", y, emit.constant(limits.min), emit.constant(limits.max))
        emit.add("Cast", y, to=onnx.helper.np_dtype_to_tensor_dtype(zero.dtype), output=node.output[0])
        links.append(Link(name, node.op_type, node, tuple(emit.nodes[start:]), links[-1].output, node.output[0],
                          (int(limits.min), int(limits.max))))
        return Lowered(tuple(links), tuple(emit.constants))

    def _link(self, node, name, kind, nodes) -> Link:
        return Link(name, kind, node, tuple(nodes), node.input[0] if node.input else "", node.output[0])

    def _parameter(self, node, name, tensor: str) -> np.ndarray:
        if tensor not in self.constants:
            raise ValueError(f"node {name} ({node.op_type}) computes its {tensor}; supported: constant scales, zero points and widths")
        return self.constants[tensor].array

    def _check_gemm(self, node, name) -> None:
        if attribute(node, "transA", 0):
            raise ValueError(f"node {name} ({node.op_type}) transposes its input; supported: transA = 0")


def _check_numbers(node, name, parameters: list[np.ndarray], may_be_infinite: bool) -> None:
    for tensor, values in zip(node.input[1:], parameters):
        if values.dtype.kind not in "fiub" or np.any(np.isnan(values)) or not may_be_infinite and not np.all(np.isfinite(values)):
            raise ValueError(f"node {name} ({node.op_type}) has {tensor}, not all of which are numbers; supported: finite ones")
        if not values.size:
            raise ValueError(f"node {name} ({node.op_type}) has an empty {tensor}; supported: at least one value")


def _check_scale(node, name, scale: np.ndarray) -> None:
    if not np.all(np.isfinite(scale)) or np.any(scale <= 0):
        raise ValueError(f"node {name} ({node.op_type}) has a scale of {np.min(scale)}; supported: scales above zero")
