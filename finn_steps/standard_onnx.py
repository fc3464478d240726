"""A QONNX model in standard ONNX operators, so that plain onnxruntime is the reference for everything that is built.

Each quantiser becomes the float32 operators that QONNX defines for it, in QONNX's order:
1. Quant: Div(scale), Add(zero point), Clip, Round (half to even; or Floor, Ceil, towards zero), Sub(zero point), Mul(scale);
   one that was a QuantizeLinear: Div(scale), Round, Add(zero point), Clip, Sub(zero point), Mul(scale)
2. Quant of one signed bit, and BipolarQuant: [Div,] GreaterOrEqual(0), Where(1, -1), Mul(scale)
The integers before the last Sub and Mul are a tensor of their own: `integer_tensor(name of the quantised tensor)`.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper, version_converter
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.importer.model_file import QONNX_DOMAIN, initializers, normalise
from finn_steps.importer.quantiser import Quantiser

OPSET = 17


def integer_tensor(quantised: str) -> str:
    """The name of the integers of a quantised tensor in the standard model (float32 container)."""
    return f"{quantised}/integer"


def standard_onnx(model: onnx.ModelProto | ModelWrapper) -> onnx.ModelProto:
    """A QONNX or QCDQ model in operators of the default domain, opset 17 or newer, with an open batch."""
    return to_standard(normalise(model))


def to_standard(model: ModelWrapper) -> onnx.ModelProto:
    """The same for a model that is in the importer's normal form."""
    constants = initializers(model.graph)
    quantisers = {n.output[0]: n for n in model.graph.node if n.domain == QONNX_DOMAIN}
    standard = _convert(_without(quantisers, model.model))
    graph = standard.graph
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        quantiser = quantisers.get(node.output[0])
        if quantiser is None:
            graph.node.append(node)
        else:
            graph.node.extend(_Expansion(quantiser, Quantiser.of(quantiser, constants), graph).nodes())
    used = {name for node in graph.node for name in node.input}
    for tensor in [t for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(tensor)
    onnx.checker.check_model(standard)
    return standard


def _without(quantisers: dict[str, onnx.NodeProto], model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with an Identity in the place of each quantiser, in the default domain only."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:], copy.graph.quantization_annotation[:]
    for node in copy.graph.node:
        if node.output[0] in quantisers:
            node.CopyFrom(helper.make_node("Identity", [node.input[0]], [node.output[0]], name=node.name))
    versions = [entry.version for entry in copy.opset_import if entry.domain in ("", "ai.onnx")]
    del copy.opset_import[:]
    copy.opset_import.append(helper.make_opsetid("", max(versions, default=OPSET)))
    copy.ir_version = min(max(copy.ir_version, 8), 10)
    return copy


def _convert(model: onnx.ModelProto) -> onnx.ModelProto:
    return model if model.opset_import[0].version >= OPSET else version_converter.convert_version(model, OPSET)


class _Expansion:
    """The operators of one quantiser."""

    def __init__(self, node: onnx.NodeProto, quantiser: Quantiser, graph: onnx.GraphProto):
        self.node, self.quantiser, self.graph = node, quantiser, graph

    def nodes(self) -> list[onnx.NodeProto]:
        quantiser, output = self.quantiser, self.node.output[0]
        integers = integer_tensor(output)
        zero_point = [("Sub", ["zero_point"])] if quantiser.zero_point else []
        scaled = [("Div", ["scale"])] if quantiser.divides else []
        if quantiser.zero_point:
            scaled.append(("Add", ["zero_point"]))
        if quantiser.bipolar:
            steps = self._chain(self.node.input[0], f"{output}/scaled", scaled)
            source = steps[-1].output[0] if steps else self.node.input[0]
            steps += [self._make("GreaterOrEqual", [source, self._constant("zero")], f"{output}/positive"),
                      self._make("Where", [f"{output}/positive", self._constant("one"), self._constant("minus_one")], integers)]
        elif quantiser.rounds_first:
            rounded = [("Div", ["scale"]), ("Round", []), *scaled[1:], ("Clip", ["low", "high"])]
            steps = self._chain(self.node.input[0], integers, rounded)
        else:
            scaled += [("Clip", ["low", "high"])]
            steps = self._chain(self.node.input[0], f"{output}/scaled", scaled)
            steps += self._round(steps[-1].output[0], integers)
        return steps + self._chain(integers, output, [*zero_point, ("Mul", ["scale"])])

    def _round(self, source: str, integers: str) -> list[onnx.NodeProto]:
        if self.quantiser.rounding == "DOWN":
            size, sign, floor = (f"{integers}/{part}" for part in ("size", "sign", "floor"))
            return [self._make("Abs", [source], size), self._make("Floor", [size], floor), self._make("Sign", [source], sign),
                    self._make("Mul", [floor, sign], integers)]
        return [self._make({"FLOOR": "Floor", "CEIL": "Ceil"}.get(self.quantiser.rounding, "Round"), [source], integers)]

    def _chain(self, source: str, output: str, operations: list[tuple[str, list[str]]]) -> list[onnx.NodeProto]:
        steps = []
        for number, (op_type, constants) in enumerate(operations):
            result = output if number == len(operations) - 1 else f"{output}/{op_type}"
            steps.append(self._make(op_type, [source, *(self._constant(name) for name in constants)], result))
            source = result
        return steps

    def _make(self, op_type: str, inputs: list[str], output: str) -> onnx.NodeProto:
        return helper.make_node(op_type, inputs, [output], name=output)

    def _constant(self, kind: str) -> str:
        """The name of a float32 initialiser of this quantiser, added when first asked for."""
        name = f"{self.node.output[0]}/{kind}"
        if all(tensor.name != name for tensor in self.graph.initializer):
            quantiser = self.quantiser
            value = {"scale": quantiser.scale, "zero_point": quantiser.zero_point, "low": quantiser.low, "high": quantiser.high,
                     "zero": 0, "one": 1, "minus_one": -1}[kind]
            self.graph.initializer.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name
