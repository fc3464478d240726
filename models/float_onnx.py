"""A float ONNX file as a chain of dense layers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from models.float_chain import Dense, FloatModel, Scale, checked

PASSED = ("Identity", "Dropout", "Flatten", "Cast", "Reshape")
TAILS = ("Softmax", "LogSoftmax", "Sigmoid", "ArgMax")
ACTIVATIONS = ("Relu", "LeakyRelu", "Elu", "Selu", "Tanh", "Sigmoid", "Gelu", "Softplus", "HardSigmoid", "HardSwish")


def read_float_onnx(path: Path) -> FloatModel:
    """The chain in `path`. ValueError, naming the node, for an operator that is no part of one."""
    try:
        graph = onnx.load(path).graph
    except Exception as fault:
        raise ValueError(f"{path}: not a readable ONNX file: {(str(fault) or repr(fault)).splitlines()[0][:160]}") from fault
    return checked(_Reader(str(path), graph).run())


class _Reader:
    """Follows the one tensor that carries values through the nodes, which ONNX keeps in order."""

    def __init__(self, source: str, graph: onnx.GraphProto):
        self.source, self.graph = source, graph
        self.constants = {held.name: numpy_helper.to_array(held).astype(np.float64) for held in graph.initializer
                          if held.data_type != onnx.TensorProto.STRING}
        self.layers: list[Dense] = []
        self.first: Scale | None = None
        self.notes: list[str] = []
        self.activated = True

    def run(self) -> FloatModel:
        for node in self.graph.node:
            self.take(node)
        return FloatModel(self.source, tuple(self.layers), self.first, tuple(self.notes))

    def take(self, node: onnx.NodeProto) -> None:
        kind = node.op_type
        if kind == "Constant":
            self.constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t).astype(np.float64)
        elif kind == "Transpose" and node.input[0] in self.constants:
            self.constants[node.output[0]] = self.constants[node.input[0]].T
        elif kind in ("Gemm", "MatMul"):
            self.linear(node)
        elif kind in ("Add", "Sub", "Mul", "Div"):
            self.scale(self.binary(node))
        elif kind == "BatchNormalization":
            self.scale(self.batch_norm(node))
        elif kind in ACTIVATIONS and not self.activated and not self.last(node):
            self.activated = True
            if kind != "Relu":
                self.notes.append(f"{node.name or kind}: {kind} becomes ReLU")
        elif kind not in (*PASSED, *TAILS, "Relu"):
            raise ValueError(f"{self.source}: node {node.name or node.output[0]} ({kind}) is no part of a chain of linear layers, batch "
                             "norms and activations: only such a chain can be taken over")

    def last(self, node: onnx.NodeProto) -> bool:
        return node.output[0] in {output.name for output in self.graph.output}

    def constant(self, node: onnx.NodeProto) -> tuple[np.ndarray, int]:
        """The constant input of a node, and its place. ValueError where both are values."""
        for place in (1, 0):
            if node.input[place] in self.constants:
                return self.constants[node.input[place]], place
        raise ValueError(f"{self.source}: node {node.name or node.output[0]} ({node.op_type}) joins two branches: only a chain of linear "
                         "layers can be taken over")

    def linear(self, node: onnx.NodeProto) -> None:
        weight, place = self.constant(node)
        given = {held.name: onnx.helper.get_attribute_value(held) for held in node.attribute}
        weight = weight * given.get("alpha", 1.0)
        weight = weight if place == 0 or given.get("transB") else weight.T
        bias = np.zeros(len(weight))
        if node.op_type == "Gemm" and len(node.input) > 2:
            bias = bias + given.get("beta", 1.0) * self.constants[node.input[2]].reshape(-1)
        self.layers.append(Dense(node.name or node.output[0], weight, bias))
        self.activated = False

    def binary(self, node: onnx.NodeProto) -> Scale:
        value, place = self.constant(node)
        value = value.reshape(-1)
        one, nothing = np.ones_like(value), np.zeros_like(value)
        if node.op_type == "Mul":
            return Scale(value, nothing)
        if node.op_type == "Div" and place == 1:
            return Scale(1 / value, nothing)
        if node.op_type in ("Add", "Sub"):
            sign = -1 if node.op_type == "Sub" and place == 0 else 1
            return Scale(sign * one, -value if node.op_type == "Sub" and place == 1 else value)
        raise ValueError(f"{self.source}: node {node.name or node.output[0]} divides a constant by its input")

    def batch_norm(self, node: onnx.NodeProto) -> Scale:
        gamma, beta, mean, variance = (self.constants[name] for name in node.input[1:5])
        eps = next((held.f for held in node.attribute if held.name == "epsilon"), 1e-5)
        factor = gamma / np.sqrt(variance + eps)
        return Scale(factor, beta - mean * factor)

    def scale(self, scale: Scale) -> None:
        """Merge into what stands before."""
        if not self.layers:
            self.first = composed(self.first, scale)
        elif self.activated:
            self.layers[-1] = replace(self.layers[-1], behind=composed(self.layers[-1].behind, scale))
        else:
            self.layers[-1] = replace(self.layers[-1], before=composed(self.layers[-1].before, scale))


def composed(first: Scale | None, second: Scale) -> Scale:
    """`second` after `first`."""
    return second if first is None else Scale(first.factor * second.factor, first.offset * second.factor + second.offset)
