"""From a FINN graph of SparseMVAU nodes to the Accelerator."""

from __future__ import annotations

from dataclasses import replace

from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator
from finn_steps.finn.environment import prepare_finn


def accelerator_from_model(model: ModelWrapper) -> Accelerator:
    """Read a graph after InferSparseMVAU, specialised or not. ValueError, naming the node, for any other operator."""
    prepare_finn()
    from qonnx.custom_op.registry import getCustomOp

    from finn_steps.finn.transformation.host_ends import read_host_ends

    layers, tensor = [], model.graph.input[0].name
    for node in model.graph.node:
        if node.op_type not in ("SparseMVAU", "SparseMVAU_rtl") or node.input[0] != tensor:
            raise ValueError(f"node {node.name} ({node.op_type}) is no link of a chain of SparseMVAU nodes")
        layers.append(getCustomOp(node).sparse_layer(model))
        tensor = node.output[0]
    ends = dict(vars(read_host_ends(model)))
    first = replace(layers[0], input_range=ends.pop("input_range"))
    return Accelerator(layers=(first, *layers[1:]), **ends)
