"""Writing a random ONNX graph node by node, with the habits of different writers: names, constants, opsets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz.segments import QONNX

OLDEST_OF_NEW_SQUEEZE = 13
"""Before opset 13, Squeeze and Unsqueeze took their axes as an attribute."""


@dataclass(frozen=True)
class Signal:
    """A float tensor [batch, width]; its values are about `spread` wide, and their grid, if they lie on one, is `step`."""

    tensor: str
    width: int
    spread: float
    step: float | None = None


class Builder:
    """Nodes and constants so far; `rng` decides everything, `notes` says what was decided.

    names: of nodes; all nodes of a kind may share one, but for onnxruntime, which refuses that where it runs the file alone.
    """

    def __init__(self, seed: int, opset: int, pow2: bool):
        self.rng = np.random.default_rng(seed)
        self.opset, self.pow2 = opset, pow2
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.annotations: dict[str, str] = {}
        self.notes: list[str] = []
        self.constant_nodes = opset >= 13 and self.chance(0.15)
        self.names = self.pick("numbered", "numbered", "numbered", "empty", "same")
        self.lists_initialisers = not self.constant_nodes and self.chance(0.08)
        self.unused_initialiser = self.chance(0.08)

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def node(self, kind: str, inputs: list[str], domain: str = "", **attributes) -> str:
        """The node's only output."""
        number = len(self.nodes)
        output = f"t{number}_{kind}"
        name = {"numbered": f"{kind}_{number}", "empty": "", "same": kind}[self.names]
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, domain=domain, **attributes))
        return output

    def qonnx(self, kind: str, inputs: list[str], **attributes) -> str:
        return self.node(kind, inputs, QONNX, **attributes)

    def constant(self, value, kind=np.float32) -> str:
        """`kind` is a numpy type, or an ONNX one for those that numpy lacks."""
        name = f"c{len(self.constants) + len(self.nodes)}"
        if isinstance(kind, int):
            value = np.asarray(value)
            tensor = helper.make_tensor(name, kind, value.shape, value.flatten().tolist())
        else:
            tensor = numpy_helper.from_array(np.array(value, kind), name)
        if self.constant_nodes:
            return self.node("Constant", [], value=tensor)
        self.constants.append(tensor)
        return name

    def scale(self, about: float, shape=()) -> np.ndarray:
        """float32 scales near `about`: powers of two, or any."""
        spread = self.rng.uniform(0.7, 1.4, shape)
        return np.asarray(2.0 ** np.round(np.log2(about * spread)) if self.pow2 else about * spread, np.float32)

    def value(self, low: float, high: float, shape=()) -> np.ndarray:
        """float32 in low..high, whole 64ths where scales are powers of two."""
        values = self.rng.uniform(low, high, shape)
        return np.asarray(np.round(values * 64) / 64 if self.pow2 else values, np.float32)

    def squeeze(self, kind: str, tensor: str, axes: list[int]) -> str:
        if self.opset < OLDEST_OF_NEW_SQUEEZE:
            return self.node(kind, [tensor], axes=axes)
        return self.node(kind, [tensor, self.constant(axes, np.int64)])

    def clip(self, tensor: str, low, high, kind=np.float32) -> str:
        """Clip by the form of the opset; None leaves a bound out."""
        if self.opset < 11:
            return self.node("Clip", [tensor], **{key: float(v) for key, v in (("min", low), ("max", high)) if v is not None})
        bounds = ["" if bound is None else self.constant(bound, kind) for bound in (low, high)]
        return self.node("Clip", [tensor, *(bounds if bounds[1] else bounds[:1])])

    def model(self, shape: list, output: str, output_shape: list | None, output_type: int = TensorProto.FLOAT,
              input_type: int = TensorProto.FLOAT) -> onnx.ModelProto:
        if self.names == "same" and not any(node.domain == QONNX for node in self.nodes):
            for number, node in enumerate(self.nodes):
                node.name = f"{node.op_type}_{number}"
        graph = helper.make_graph(self.nodes, "fuzz", [helper.make_tensor_value_info("x", input_type, shape)],
                                  [helper.make_tensor_value_info(output, output_type, output_shape)], self.constants)
        if self.lists_initialisers:
            graph.input.extend(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.constants)
        if self.unused_initialiser:
            graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "unused"))
        for tensor, datatype in self.annotations.items():
            entry = graph.quantization_annotation.add(tensor_name=tensor)
            entry.quant_parameter_tensor_names.add(key="finn_datatype", value=datatype)
        domains = sorted({node.domain for node in self.nodes} - {""})
        imports = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=4 if self.opset < 11 else 8 if self.opset < 21 else 10)
        if self.opset >= 25:
            model.ir_version = 13
        return model
