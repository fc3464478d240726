"""A Network as QONNX: centred features, then for each layer its rounding, its limits, a Quant that says the widths, and the product.

Rounding is half up, which neither Quant nor Round does: Mul, Add 0.5, Floor. Biases are moved to whole accumulator units (of each neuron's
own), so that all numbers behind the first rounding are exact in float32.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.widths.digits import FINEST
from models.widths.network import Network

OPSET, IR = 17, 8
QONNX = "qonnx.custom_op.general"


def units(net: Network) -> list[np.ndarray]:
    """float64 [MH] of each layer: the value of one unit of each sum."""
    found = []
    for weight, fraction in zip(net.weights, net.fraction):
        whole = np.round(weight.numpy().astype(np.float64) * 2.0**-FINEST).astype(np.int64)
        lowest = np.where(whole != 0, whole & -whole, 2**40) * 2.0**FINEST * 2.0 ** -fraction.numpy().astype(np.float64)
        found.append(lowest.min(1))
    return found


def snapped(net: Network) -> Network:
    """Each bias moved to a whole number of its sum's units: down, where it is rounded behind, which changes nothing; else the nearest."""
    biases = []
    for place, unit in enumerate(units(net)):
        bias = net.biases[place].numpy().astype(np.float64)
        if place < net.layers - 1:
            half = 0.5 * 2.0 ** -net.fraction[place + 1].numpy().astype(np.float64)
            unit = np.minimum(unit, half)
            bias = np.floor(bias / unit) * unit
        else:
            finite = np.where(unit < 2.0**20, unit, 2.0**-8)
            bias = np.round(bias / finite) * finite
        biases.append(net.biases[place].new_tensor(bias))
    return replace(net, biases=biases)


def emit(net: Network, mean: np.ndarray, std: np.ndarray, name: str) -> onnx.ModelProto:
    """Raw features float32 [N, F] -> logits [N, classes]."""
    graph = _Graph()
    graph.add("Sub", "standardise", mean)
    graph.add("Div", "standardise", std)
    for place in range(net.layers):
        where = f"quantiser{place}"
        low, high, one = (limit.numpy() for limit in net.limits(place))
        graph.add("Mul", where, 1 / one)
        graph.add("Add", where, np.float32(0.5))
        graph.add("Floor", where)
        graph.add("Max", where, low)
        graph.add("Min", where, high)
        signed = int(place == 0)
        bits = np.maximum(net.bits[place].numpy(), 1 + signed)
        graph.add("Quant", where, np.float32(1), np.float32(0), bits, signed=signed, narrow=0, rounding_mode="ROUND")
        graph.add("Mul", where, one)
        graph.add("MatMul", f"layer{place}", net.weights[place].numpy().T)
        graph.add("Add", f"layer{place}", net.biases[place].numpy())
    return graph.model(name, len(mean), len(net.biases[-1]))


class _Graph:
    """A chain of nodes."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.tensor = "features"

    def add(self, kind: str, where: str, *values, **attributes) -> None:
        label = f"{where}/{kind}{len(self.nodes)}"
        names = [f"{label}/{place}" for place in range(len(values))]
        self.constants += [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in zip(names, values)]
        domain = {"domain": QONNX} if kind == "Quant" else {}
        self.nodes.append(helper.make_node(kind, [self.tensor, *names], [label], name=label, **domain, **attributes))
        self.tensor = label

    def model(self, name: str, features: int, outputs: int) -> onnx.ModelProto:
        self.nodes[-1].output[0] = "logits"
        ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["N", width])
                for end, width in (("features", features), ("logits", outputs))]
        graph = helper.make_graph(self.nodes, name, ends[:1], ends[1:], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX, 1)], ir_version=IR)
