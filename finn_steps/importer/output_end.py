"""The output end: what the host makes of the last layer's integers, and where the user's file has the same."""

from __future__ import annotations

import numpy as np

from finn_steps.accelerator.host import HostOp
from finn_steps.importer.chain import Stage
from finn_steps.importer.grid import Grid
from finn_steps.importer.host_ends import host_operations
from finn_steps.importer.lowering import Link
from finn_steps.importer.normal_form import Network
from finn_steps.original.meeting import Meeting


def answering_operations(grid: Grid, stage: Stage, after: tuple[Link, ...], network: Network) -> tuple[HostOp, ...]:
    """Behind an output quantiser: the integers become its values, then the model's own operators follow.

    after  the links behind the quantiser that the integers have in them already
    """
    return (*_scaling(grid), *host_operations(stage.after[len(after) :], network, behind=True))


def _scaling(grid: Grid) -> tuple[HostOp, ...]:
    """step * n + zero, in the order that gives the levels bit by bit: (n - z) * step where zero is whole steps."""
    step, zero = (grid.step / 2, grid.zero + grid.step / 2) if grid.bipolar else (grid.step, grid.zero)
    whole = np.divide(zero, step, out=np.zeros_like(zero), where=step != 0)
    if np.array_equal(whole, np.rint(whole)) and np.all(step != 0):
        first = () if not whole.any() else (HostOp("sub", _one(-whole)),)
        return (*first, *(() if np.all(step == 1) else (HostOp("mul", _one(step)),)))
    return (HostOp("mul", _one(step)), HostOp("add", _one(zero)))


def _one(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    return values[0] if np.all(values == values[0]) else values


def raw_meeting(stage: Stage, unit: np.ndarray, offset: np.ndarray, slack: np.ndarray, network: Network) -> Meeting:
    """Where the file has a last layer's sums: behind the parts of its own node, which may scale and shift them."""
    tensor = stage.layer.output
    for link in stage.before:
        if tensor in network.own:
            break
        node = link.nodes[-1]
        constant = next(network.constants[name].array for name in node.input if name in network.constants).astype(np.float64).reshape(-1)
        if node.op_type == "Mul":
            unit, offset, slack = unit * constant, offset * constant, slack * np.abs(constant)
        else:
            offset = offset + constant
        tensor = link.output
    return Meeting(tensor, unit, offset, True, slack)

