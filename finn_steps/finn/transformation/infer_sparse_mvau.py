"""MVAU [, ElementwiseAdd or Add] [, Thresholding] becomes one SparseMVAU."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from finn_steps.accelerator import SparseLayer, smallest_datatype
from finn_steps.accelerator.fixed_input import LAYER
from finn_steps.finn.transformation.host_ends import KEY, read_host_ends
from finn_steps.finn.transformation.integer_graph import BIPOLAR_OUTPUT, in_floats

ADDITIONS = ("Add", "ElementwiseAdd")


class InferSparseMVAU(Transformation):
    """Every MVAU of an integer graph becomes a SparseMVAU: fixed_input the first where words of fixed point come in, then layer0, layer1, ...

    1. A following constant addition becomes its bias, a following Thresholding its thresholds.
    2. Without a Thresholding, its output datatype is the narrowest that holds every accumulator (Accelerator.raw_datatype).
    3. With one, the Thresholding's; BIPOLAR where integer_graph noted so.
    4. Thresholds given once for all rows are repeated for each row. Those that are no whole numbers, as FINN's streamlining leaves them, are
       rounded up: no integer lies between the two. Output levels of the datatype that a Thresholding leaves out are never reached.
    5. An addition of other numbers than whole ones stays FINN's where no Thresholding follows it.
    MVAUs stay FINN's that have no integers for inputs or weights, or bipolar inputs (XNOR), or a smaller share of zeros than `least_zeros`.
    ValueError, naming the node, for an MVAU that carries thresholds itself (build with standalone_thresholds=True).
    """

    def __init__(self, least_zeros: float = 0.0):
        super().__init__()
        self.least_zeros = least_zeros

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        nodes = [node for node in model.graph.node if node.op_type == "MVAU"]
        nodes = [node for node in nodes if self._takes(model, node)]
        ends = read_host_ends(model) if model.get_metadata_prop(KEY) else None
        ranges, front = (ends.input_range, [LAYER] if ends.input_fixed else []) if ends else (None, [])
        for node, name in zip(nodes, [*front, *(f"layer{number}" for number in range(len(nodes)))]):
            answers = self._replace(model, node, name, ranges)
            ranges = None if ranges is None else answers
        if nodes:
            model = model.transform(InferShapes()).transform(InferDataTypes())
        return model, False

    def _takes(self, model: ModelWrapper, node: NodeProto) -> bool:
        mvau, weights = getCustomOp(node), model.get_initializer(node.input[1])
        idt = DataType[mvau.get_nodeattr("inputDataType")]
        if weights is None or not is_whole(weights) or not idt.is_integer() or idt.name == "BIPOLAR" or mvau.get_nodeattr("binaryXnorMode"):
            return False
        return np.mean(weights == 0) >= self.least_zeros

    def _replace(self, model: ModelWrapper, node: NodeProto, name: str, ranges: np.ndarray | None) -> np.ndarray:
        """`ranges` of its inputs; returns those of its outputs."""
        mvau = getCustomOp(node)
        if not mvau.get_nodeattr("noActivation"):
            raise ValueError(f"node {node.name} (MVAU) carries its thresholds; convert with standalone_thresholds=True")
        weights = np.rint(model.get_initializer(node.input[1])).astype(np.int64)
        old, bias, thresholds = [node], np.zeros(weights.shape[1]), None
        addition = _next(model, node, ADDITIONS)
        thresholding = _next(model, addition or node, ("Thresholding",))
        if addition is not None and (thresholding is not None or is_whole(model.get_initializer(addition.input[1]))):
            bias = bias + model.get_initializer(addition.input[1]).astype(np.float64).reshape(-1)
            old.append(addition)
        idt = mvau.get_nodeattr("inputDataType")
        if thresholding is not None:
            old.append(thresholding)
            thresholds = np.ceil(model.get_initializer(thresholding.input[1]).astype(np.float64) - bias[:, None])
            odt = getCustomOp(thresholding).get_nodeattr("outputDataType")
            plain = SparseLayer(name, weights.T, np.zeros(len(bias)), None, idt, "INT64", input_range=ranges)
            thresholds = all_levels(thresholding, np.broadcast_to(thresholds, (weights.shape[1], thresholds.shape[1])), plain)
            if model.get_metadata_prop(BIPOLAR_OUTPUT) == name:
                odt = "BIPOLAR"
        else:
            odt = SparseLayer(name, weights.T, bias, None, idt, "INT64", input_range=ranges).accdt
        self._insert(model, old, name, weights, bias, thresholds, idt, odt)
        return SparseLayer(name, weights.T, np.zeros(len(bias)) if thresholds is not None else bias, thresholds, idt, odt,
                           input_range=ranges).answer_range

    def _insert(self, model, old, name, weights, bias, thresholds, idt, odt) -> None:
        output, extra = old[-1].output[0], f"{name}_{'bias' if thresholds is None else 'thresholds'}"
        values = bias if thresholds is None else thresholds
        model.set_initializer(f"{name}_weights", in_floats(weights))
        model.set_tensor_datatype(f"{name}_weights", DataType[smallest_datatype(int(weights.min()), int(weights.max()))])
        model.set_initializer(extra, in_floats(values))
        model.set_tensor_datatype(extra, DataType["INT32"])
        node = helper.make_node(
            "SparseMVAU", [old[0].input[0], f"{name}_weights", extra], [output], name=name,
            domain="finn.custom_op.fpgadataflow", backend="fpgadataflow",
            MW=weights.shape[0], MH=weights.shape[1], inputDataType=idt, outputDataType=odt, noActivation=int(thresholds is None),
            numInputVectors=list(getCustomOp(old[0]).get_nodeattr("numInputVectors")),
            nonzeros=int(np.count_nonzero(weights)), layer=name)
        model.graph.node.insert(list(model.graph.node).index(old[0]), node)
        for gone in old:
            model.graph.node.remove(gone)
        model.set_tensor_datatype(output, DataType[odt])


def is_whole(values: np.ndarray) -> bool:
    return bool(np.all(values == np.rint(values)))


def all_levels(thresholding: NodeProto, thresholds: np.ndarray, plain: SparseLayer) -> np.ndarray:
    """Thresholds [MH, steps] for every level of the output's datatype, from those of a Thresholding that counts from its ActVal on. `plain`: the
    sums that they are compared with. ValueError, naming the node, where it counts beyond its datatype."""
    node = getCustomOp(thresholding)
    datatype, start = DataType[node.get_nodeattr("outputDataType")], node.get_nodeattr("ActVal")
    if datatype.name in ("BIPOLAR", "BINARY"):
        return thresholds
    below, levels = start - int(datatype.min()), datatype.get_num_possible_values() - 1
    above = levels - below - thresholds.shape[1]
    if below < 0 or above < 0:
        raise ValueError(f"node {thresholding.name} (Thresholding) counts from {start} to {start + thresholds.shape[1]}, beyond its {datatype.name}")
    always, never = np.repeat(plain.accumulator_min[:, None], below, axis=1), np.repeat(plain.accumulator_max[:, None] + 1, above, axis=1)
    inside = np.clip(thresholds, plain.accumulator_min[:, None], plain.accumulator_max[:, None] + 1) if below or above else thresholds
    return np.concatenate([always, inside, never], axis=1)


def _next(model: ModelWrapper, node: NodeProto, kinds: tuple[str, ...]) -> NodeProto | None:
    consumers = model.find_consumers(node.output[0]) or []
    return consumers[0] if len(consumers) == 1 and consumers[0].op_type in kinds else None
