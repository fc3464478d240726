"""Where a user's file and its reading part: the first tensor, and the node that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from finn_steps.original.executor import Original, within_rounding
from finn_steps.original.sessions import Part
from finn_steps.tools.compile import processor

WEIGHTS_OF = {"QGemm": 3, "QLinearMatMul": 3, "MatMulInteger": 1}
OVERFLOW_HINT = ("; on processors without VNNI, such as this one, onnxruntime adds products of uint8 and int8 in 16 bits, which overflow: "
                 "quantise with reduce_range=True, with QUInt8 weights or in the QDQ format")


class DifferenceError(RuntimeError):
    """The user's own file answers otherwise than what was read from it."""


@dataclass(frozen=True)
class Difference:
    """`where` is a layer, "input", "outputs" or "label"; `read` and `found` are the values of the reading and of the file."""

    where: str
    tensor: str
    sample: int
    position: int
    read: str
    found: str


def describe(original: Original, x: np.ndarray, difference: Difference, start: int, standard: Path | str | None) -> str:
    """One line: sample, first tensor at which the two part, and its node.

    x         the chunk of samples that difference.sample counts in; `start` is the number of its first
    standard  see compare; without it, or where it agrees with the file, the layer's own tensor is named
    """
    inner = None if standard is None else first_parting(original, x[difference.sample][None], standard)
    tensor, position, read, found = inner or (difference.tensor, difference.position, difference.read, difference.found)
    where = f"tensor {tensor} of {original.file.maker(tensor)}"
    behind = "" if inner is None else f", so that {difference.where} differs"
    return (f"{original.file.name} answers otherwise than it was read: sample {start + difference.sample}, first in {where}: element "
            f"{position} is {found} in the file ({original.executor}), {read} as read{behind or f' ({difference.where})'}"
            + (OVERFLOW_HINT if original.executor == "onnxruntime" and may_overflow(original.file.model) else ""))


def may_overflow(model: onnx.ModelProto) -> bool:
    """Whether onnxruntime's kernels for uint8 x int8 may overflow in this model on this processor (its documentation, `reduce_range`)."""
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    products = [node for node in model.graph.node if node.op_type in WEIGHTS_OF]
    signed = any(kinds.get(node.input[WEIGHTS_OF[node.op_type]]) == onnx.TensorProto.INT8 for node in products)
    return signed and "vnni" not in processor()


def first_parting(original: Original, x: np.ndarray, standard: Path | str) -> tuple[str, int, str, str] | None:
    """The first tensor in file order, its first differing element, and both values, for one sample x [1, features]; None if all agree."""
    theirs = original.all_tensors(x)
    ours = _tensors(standard, x, list(theirs))
    for name in (name for name in theirs if name in ours):
        expected, got = theirs[name], ours[name]
        if expected.shape != got.shape:
            return name, 0, f"{got.size} values", f"{expected.size}"
        if not within_rounding(expected.astype(np.float64), got.astype(np.float64)):
            worst = int(np.argmax(~(np.abs(expected[0].astype(np.float64) - got[0]) <= 2.0**-16 * np.abs(expected).max())))
            return name, worst, f"{got[0, worst]:.9g}", f"{expected[0, worst]:.9g}"
    return None


def _tensors(standard: Path | str, x: np.ndarray, wanted: list[str]) -> dict[str, np.ndarray]:
    """Those of `wanted` that the standard model makes, flattened to [1, elements]; empty where it does not run."""
    try:
        model = onnx.load(standard)
        made = [name for node in model.graph.node for name in node.output if name in set(wanted)]
        value = model.graph.input[0]
        shape = [d.dim_value for d in value.type.tensor_type.shape.dim[1:]]
        fed = x.reshape(1, *shape).astype(onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type))
        found = Part(model, model.graph.node).run({value.name: fed}, made)
    except Exception:
        return {}
    return {name: np.asarray(array).reshape(1, -1) for name, array in found.items()}
