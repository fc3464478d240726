"""Inputs without a quantiser: an annotated integer datatype says which values come in."""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.host import HostOp, run_host_ops
from finn_steps.importer.chain import Chain
from finn_steps.importer.host_ends import host_operations
from finn_steps.importer.quantiser import MOST_BITS, Levels


def annotated_input(model: ModelWrapper, chain: Chain, constants, features: int) -> tuple[tuple[HostOp, ...], Levels]:
    """The host's operations and the levels that reach the first layer.

    The head is run on every value that the datatype allows; what comes out must be equally spaced and include a whole number of
    steps from zero. ValueError, naming the first layer, without such an annotation.
    """
    tensor, first = model.graph.input[0].name, chain.layers[0].matmul
    datatype = DataType[model.get_tensor_datatype(tensor).name]
    if not datatype.is_integer():
        raise ValueError(f"node {first.name} ({first.op_type}) takes float inputs: input {tensor} is not quantised; put a "
                         "QuantIdentity in front of the first layer")
    if datatype.bitwidth() > MOST_BITS:
        raise ValueError(f"input {tensor} is annotated as {datatype.name}; supported: integers of up to {MOST_BITS} bits")
    head = host_operations([*chain.head.before, *chain.head.after], constants, features)
    values = np.array([-1, 1] if datatype.name == "BIPOLAR" else range(int(datatype.min()), int(datatype.max()) + 1), np.float32)
    levels = run_host_ops(head, np.repeat(values[:, None], features, axis=1))
    steps = np.diff(levels, axis=0)
    if np.any(steps != steps[0, 0]) or steps[0, 0] <= 0:
        raise ValueError(f"input {tensor} ({datatype.name}) reaches {first.name} in unequal steps; supported: one rising linear "
                         "map for all features")
    step, least = steps[0, 0], levels[0, 0]
    if least == -levels[-1, 0] and len(values) == 2:
        return (*head, *_divide(levels[-1, 0]), HostOp("add", np.float32(1)), HostOp("div", np.float32(2))), \
            Levels(-1, 1, np.float32(levels[-1, 0]), bipolar=True)
    if (least / step) != np.rint(least / step):
        raise ValueError(f"input {tensor} ({datatype.name}) reaches {first.name} as {least} + k * {step}; supported: "
                         "whole multiples")
    low = int(np.rint(least / step))
    return (*head, *_divide(step)), Levels(low, low + len(values) - 1, np.float32(step))


def _divide(scale: np.float32) -> tuple[HostOp, ...]:
    return () if scale == 1 else (HostOp("div", scale), HostOp("round"))
