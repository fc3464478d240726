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
    4. Thresholds given once for all rows are repeated for each row.
    ValueError, naming the node, for an MVAU that carries thresholds itself (build with standalone_thresholds=True).
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        nodes = [node for node in model.graph.node if node.op_type == "MVAU"]
        ends = read_host_ends(model) if model.get_metadata_prop(KEY) else None
        ranges, front = (ends.input_range, [LAYER] if ends.input_fixed else []) if ends else (None, [])
        for node, name in zip(nodes, [*front, *(f"layer{number}" for number in range(len(nodes)))]):
            answers = self._replace(model, node, name, ranges)
            ranges = None if ranges is None else answers
        if nodes:
            model = model.transform(InferShapes()).transform(InferDataTypes())
        return model, False

    def _replace(self, model: ModelWrapper, node: NodeProto, name: str, ranges: np.ndarray | None) -> np.ndarray:
        """`ranges` of its inputs; returns those of its outputs."""
        mvau = getCustomOp(node)
        if not mvau.get_nodeattr("noActivation"):
            raise ValueError(f"node {node.name} (MVAU) carries its thresholds; convert with standalone_thresholds=True")
        weights = np.rint(model.get_initializer(node.input[1])).astype(np.int64)
        old, bias, thresholds = [node], np.zeros(weights.shape[1]), None
        addition = _next(model, node, ADDITIONS)
        if addition is not None:
            bias = bias + np.rint(model.get_initializer(addition.input[1]))
            old.append(addition)
        thresholding = _next(model, old[-1], ("Thresholding",))
        idt = mvau.get_nodeattr("inputDataType")
        if thresholding is not None:
            old.append(thresholding)
            thresholds = np.rint(model.get_initializer(thresholding.input[1])) - bias[:, None]
            thresholds = np.broadcast_to(thresholds, (weights.shape[1], thresholds.shape[1]))
            odt = getCustomOp(thresholding).get_nodeattr("outputDataType")
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


def _next(model: ModelWrapper, node: NodeProto, kinds: tuple[str, ...]) -> NodeProto | None:
    consumers = model.find_consumers(node.output[0]) or []
    return consumers[0] if len(consumers) == 1 and consumers[0].op_type in kinds else None
