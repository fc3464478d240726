"""A normalised model as a chain: the operators before the first layer, the layers, and what follows each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.model_file import QONNX_DOMAIN, attribute, initializers
from finn_steps.importer.quantiser import MOST_BITS, Quantiser

SHAPE_OPERATORS = ("Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze")
MONOTONE_OPERATORS = ("Add", "Sub", "Mul", "Div", "Relu", "LeakyRelu", "PRelu", "Clip", "BatchNormalization", "Sigmoid", "Tanh",
                      "HardTanh", "Neg", "Quant", "BipolarQuant", *SHAPE_OPERATORS)


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer's MatMul node (None for the model's head) and the operators that follow it, split at the quantiser.

    before     operators up to the quantiser (all of them where there is none)
    quantiser  the node whose integers leave this stage, or None
    after      operators behind the quantiser
    """

    matmul: onnx.NodeProto | None
    before: tuple[onnx.NodeProto, ...]
    quantiser: onnx.NodeProto | None
    after: tuple[onnx.NodeProto, ...]


@dataclass(frozen=True, eq=False)
class Chain:
    """head, then one stage a layer; the last stage's `after` (or `before`, without a quantiser) ends at the model's output."""

    head: Stage
    layers: tuple[Stage, ...]


def read_chain(model: ModelWrapper) -> Chain:
    """ValueError, naming the node, for anything but a chain of quantised layers of supported operators."""
    nodes = _main_path(model)
    starts = [position for position, node in enumerate(nodes) if node.op_type == "MatMul"]
    if not starts:
        raise ValueError("the model has no layer; supported: MatMul or Gemm layers with quantised weights")
    constants = initializers(model.graph)
    head = _split(None, nodes[: starts[0]], constants)
    stages = [_split(nodes[start], nodes[start + 1 : end], constants, last=end == len(nodes))
              for start, end in zip(starts, [*starts[1:], len(nodes)])]
    for stage, following in zip(stages, stages[1:]):
        if stage.quantiser is None:
            raise ValueError(f"node {following.matmul.name} ({following.matmul.op_type}) takes float activations: there is no "
                             f"quantiser between it and {stage.matmul.name}; put a QuantReLU or QuantIdentity there")
    for stage in stages[:-1] + ([stages[-1]] if stages[-1].quantiser is not None else []):
        _check_operators(stage.before, MONOTONE_OPERATORS, "between a layer and its quantiser")
        _check_monotone(stage.before, constants)
    for stage in [head, *stages[:-1]]:
        _check_operators(stage.after, SHAPE_OPERATORS, "between a quantiser and the next layer")
    return Chain(head, tuple(stages))


def _main_path(model: ModelWrapper) -> list[onnx.NodeProto]:
    """The nodes from the model's input to its output; those that only compute constants are left out."""
    constant = {tensor.name for tensor in model.graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    dynamic = 0
    for node in model.graph.node:
        inputs = [name for name in node.input if name and name not in constant]
        if not inputs:
            constant.update(node.output)
            continue
        dynamic += 1
        if len(inputs) > 1:
            raise ValueError(f"node {node.name} ({node.op_type}) joins {' and '.join(inputs)}; supported: a chain without "
                             "branches or residual connections")
        readers.setdefault(inputs[0], []).append(node)
    tensor, path = model.graph.input[0].name, []
    while tensor in readers:
        if len(readers[tensor]) > 1:
            names = " and ".join(node.name for node in readers[tensor])
            raise ValueError(f"tensor {tensor} is read by {names}; supported: a chain without branches")
        path.append(readers[tensor][0])
        tensor = path[-1].output[0]
    if tensor != model.graph.output[0].name:
        raise ValueError(f"output {model.graph.output[0].name} is not what the chain from the input ends in ({tensor})")
    if len(path) != dynamic:
        raise ValueError(f"only {len(path)} of {dynamic} nodes lie between the input and the output; supported: a chain")
    return path


def _split(matmul, nodes, constants, last=False) -> Stage:
    quantisers = [position for position, node in enumerate(nodes) if node.domain == QONNX_DOMAIN]
    if last:
        quantisers = [q for q in quantisers if _levels(Quantiser.of(nodes[q], constants)) <= 2**MOST_BITS]
    if not quantisers:
        return Stage(matmul, tuple(nodes), None, ())
    position = quantisers[-1]
    return Stage(matmul, tuple(nodes[:position]), nodes[position], tuple(nodes[position + 1 :]))


def _levels(quantiser: Quantiser) -> int:
    return quantiser.high - quantiser.low + 1


def _check_operators(nodes, supported, where) -> None:
    for node in nodes:
        if node.op_type not in supported:
            raise ValueError(f"node {node.name} ({node.op_type}) stands {where}; supported there: {', '.join(supported)}")


def _check_monotone(nodes, constants) -> None:
    for node in nodes:
        slope = {"LeakyRelu": attribute(node, "alpha", 0.01)}.get(node.op_type, 0)
        if node.op_type == "PRelu":
            slope = constants[node.input[1]].min()
        if slope < 0:
            raise ValueError(f"node {node.name} ({node.op_type}) has slope {slope}: it is not monotone; supported: slopes "
                             "of at least 0")
        if node.op_type == "Div" and node.input[0] in constants:
            raise ValueError(f"node {node.name} (Div) divides by the activation: it is not monotone; supported: division by "
                             "constants")
        if any(np.isnan(constants[name]).any() for name in node.input if name in constants and constants[name].dtype.kind == "f"):
            raise ValueError(f"node {node.name} ({node.op_type}) has a constant that is not a number")
