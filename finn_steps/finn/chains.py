"""The SparseMVAU nodes of a FINN graph as accelerators: the whole graph, or each run of such nodes between FINN's own."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from finn_steps.accelerator import Accelerator
from finn_steps.finn.from_model import accelerator_from_model
from finn_steps.finn.transformation.host_ends import KEY

SPARSE = ("SparseMVAU", "SparseMVAU_rtl")


def sparse_chains(model: ModelWrapper) -> list[list[NodeProto]]:
    """Runs of SparseMVAU nodes, each of which alone reads the one before, in the graph's order. ValueError where there is none."""
    chains: list[list[NodeProto]] = []
    ends: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        if node.op_type not in SPARSE:
            continue
        alone = len(model.find_consumers(node.input[0]) or []) == 1
        chain = ends.pop(node.input[0], None) if alone else None
        if chain is None:
            chain = []
            chains.append(chain)
        chain.append(node)
        ends[node.output[0]] = chain
    if not chains:
        raise ValueError("the graph has no SparseMVAU node; step_infer_sparse_mvau, behind step_convert_to_hw, makes them")
    return chains


def is_whole(model: ModelWrapper, chain: list[NodeProto]) -> bool:
    """Whether a chain is all of a graph that step_import_qonnx made: it then knows what the host does at both ends."""
    return len(chain) == len(model.graph.node) and model.get_metadata_prop(KEY) is not None


def chain_accelerator(model: ModelWrapper, chain: list[NodeProto]) -> Accelerator:
    """A chain as an accelerator, by the name of its first layer where FINN's nodes stand beside it: integers in, integers out."""
    if is_whole(model, chain):
        return accelerator_from_model(model)
    layers = tuple(getCustomOp(node).sparse_layer(model) for node in chain)
    return Accelerator(layers[0].name, layers, layers[0].MW, np.arange(layers[0].MW))
