"""A network that is not quantised at all: what its refusal says of the way out."""

from __future__ import annotations

import shlex
from pathlib import Path

import onnx

QUANTISING = ("Quant", "QLinear", "QGemm", "Integer", "MultiThreshold", "Trunc")
"""One of these is in the name of every operator that makes or takes integers."""
DENSE = ("MatMul", "Gemm")


def is_float(model: onnx.ModelProto) -> bool:
    """Dense layers, and nothing quantised anywhere: what `train --from` starts from."""
    kinds = {node.op_type for node in model.graph.node}
    return bool(kinds & set(DENSE)) and "Conv" not in kinds and not any(part in kind for kind in kinds for part in QUANTISING)


def way_out(model: onnx.ModelProto, path: Path | str) -> str:
    """The command that trains and quantises a float model, with its file in it; nothing for other models."""
    if not is_float(model):
        return ""
    return f"; nothing in it is quantised: ./run-local.sh train --from {shlex.quote(str(path))} --data TABLE --label COLUMN trains, prunes and quantises it"
