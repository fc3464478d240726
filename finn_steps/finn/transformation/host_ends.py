"""What the host does rides along in the FINN model's metadata: JSON, with the arrays as a base64 npz."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_point import FixedInput, FixedPoint, fixed_as_json, fixed_from_json
from finn_steps.accelerator.host import HostOp

KEY = "qapflow.host_ends"


@dataclass(frozen=True, eq=False)
class HostEnds:
    """The parts of an Accelerator that are no layers."""

    name: str
    features: int
    input_index: np.ndarray
    host_input: tuple[HostOp, ...]
    host_output: tuple[HostOp, ...]
    labels: np.ndarray | None
    input_range: np.ndarray | None
    interface: str = "stream"
    input_fixed: FixedInput | None = None
    output_fixed: FixedPoint | None = None


def write_host_ends(model: ModelWrapper, accelerator: Accelerator) -> None:
    own = {"labels": accelerator.labels, "input_range": accelerator.layers[0].input_range}
    arrays = {"input_index": accelerator.input_index} | {name: array for name, array in own.items() if array is not None}
    entry = {
        "name": accelerator.name,
        "features": accelerator.features,
        "interface": accelerator.interface,
        "host_input": [op.to_json(f"host_input.{i}", arrays) for i, op in enumerate(accelerator.host_input)],
        "host_output": [op.to_json(f"host_output.{i}", arrays) for i, op in enumerate(accelerator.host_output)],
        **fixed_as_json(accelerator.input_fixed, accelerator.output_fixed),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    model.set_metadata_prop(KEY, json.dumps({**entry, "arrays": base64.b64encode(buffer.getvalue()).decode()}))


def read_host_ends(model: ModelWrapper) -> HostEnds:
    """ValueError where the model was not written by step_import_qonnx."""
    text = model.get_metadata_prop(KEY)
    if text is None:
        raise ValueError("this model does not say what the host does; it must come from step_import_qonnx")
    entry = json.loads(text)
    with np.load(io.BytesIO(base64.b64decode(entry["arrays"])), allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files}
    return HostEnds(entry["name"], entry["features"], arrays["input_index"],
                    tuple(HostOp.from_json(op, arrays) for op in entry["host_input"]),
                    tuple(HostOp.from_json(op, arrays) for op in entry["host_output"]), arrays.get("labels"),
                    arrays.get("input_range"), entry.get("interface", "stream"), **fixed_from_json(entry))
