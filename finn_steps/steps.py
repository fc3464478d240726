"""FINN build steps from a QONNX file to a graph of SparseMVAU nodes: plain functions `(model, cfg) -> model`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import RemoveUnusedTensors

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_input import with_fixed_input
from finn_steps.accelerator.fixed_output import with_fixed_output
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.accelerator.label import with_label
from finn_steps.accelerator.simplify import simplify
from finn_steps.finn.transformation.integer_graph import integer_graph
from finn_steps.folding.streams import save_accelerator
from finn_steps.importer.lower import Imported, import_model
from finn_steps.original.meeting import save_meetings
from finn_steps.tools.files import write_atomically
from finn_steps.verification.reference import write_standard_onnx
from finn_steps.verification.stimulus import ROUNDING


def step_import_qonnx(model: ModelWrapper, cfg) -> ModelWrapper:
    """The model becomes an integer network without dead parts. Beside it are written, for verification and report:

    standard.onnx       the model in standard operators, for Reference
    import/             the network before simplification (accelerator.json, .npz), borderline.npz, and meetings.json: where the
                        user's file has the same integers
    report/import.json  the model's sizes, and what simplification removed
    The graph is that of the accelerator that takes and answers what the build asks for (words of fixed point, labels), at the interface that
    it asks for.
    """
    folder = Path(cfg.output_dir)
    build = getattr(cfg, "build", None)
    imported = import_model(getattr(build, "model", model), name_of(cfg), getattr(build, "input_quant", None))
    fixed = getattr(build, "input_fixed", None)
    simplified = simplified_network(imported)
    write_standard_onnx(imported, folder / "standard.onnx")
    for name in ("import", "report"):
        (folder / name).mkdir(exist_ok=True)
    save_accelerator(imported.accelerator, folder / "import")
    imported.borderline.save(folder / "import" / "borderline.npz")
    save_meetings(imported.meetings, folder / "import" / "meetings.json")
    facts = model_facts(imported.accelerator, simplified)
    write_atomically(folder / "report" / "import.json", (json.dumps(facts, indent=2) + "\n").encode())
    built = simplified if fixed is None else simplified_network(imported, fixed)
    return integer_graph(answering(built, getattr(build, "last_layer", None), getattr(build, "interface", "stream")))


def simplified_network(imported: Imported, fixed: FixedInput | None = None) -> Accelerator:
    """What is built of an imported network, but for what it answers with. ValueError where words of fixed point cannot come in."""
    if fixed is None:
        return simplify(imported.accelerator).accelerator
    if not any(op.op in (*ROUNDING, "count") for op in imported.accelerator.host_input):
        raise ValueError(f"--input-fixed {fixed}: the model's inputs are whole numbers already, which the hardware takes as they are; leave it out")
    return simplify(with_fixed_input(imported.accelerator, fixed)).accelerator


def answering(accelerator: Accelerator, last_layer: str | None, interface: str = "stream") -> Accelerator:
    """What is built: the raw integers, fixed-point words where they are asked for, or labels, also where the model ends in ArgMax or TopK and
    its shape allows."""
    accelerator = replace(accelerator, interface=interface)
    ends_in_label = any(op.op == "argmax" for op in accelerator.host_output)
    if last_layer == "raw" or last_layer is None and not ends_in_label:
        return accelerator
    if last_layer == "fixed":
        return with_fixed_output(accelerator)
    try:
        return with_label(accelerator)
    except ValueError:
        if last_layer == "label":
            raise
        return accelerator


def model_facts(imported: Accelerator, simplified: Accelerator) -> dict:
    """Sizes of the model as it came, and of what cannot change any output."""
    layers = imported.layers
    return {
        "weights": sum(layer.weights.size for layer in layers),
        "nonzero_weights": sum(layer.nonzeros for layer in layers),
        "weight_bits": [DataType[layer.wdt].bitwidth() for layer in layers],
        "activation_bits": [DataType[layer.odt].bitwidth() for layer in layers if layer.thresholds is not None],
        "input_bits": DataType[imported.idt].bitwidth(),
        "removed": {
            "inputs": imported.MW - simplified.MW,
            "neurons": sum(a.MH - b.MH for a, b in zip(layers, simplified.layers)),
            "nonzero_weights": sum(a.nonzeros - b.nonzeros for a, b in zip(layers, simplified.layers)),
        },
    }


def step_infer_sparse_mvau(model: ModelWrapper, cfg) -> ModelWrapper:
    """FINN's MVAU and Thresholding nodes become SparseMVAU nodes."""
    from finn_steps.finn.transformation.infer_sparse_mvau import InferSparseMVAU

    return model.transform(InferSparseMVAU()).transform(RemoveUnusedTensors())


def name_of(cfg) -> str:
    """The build's name, or the output folder's."""
    return getattr(getattr(cfg, "build", None), "name", None) or Path(cfg.output_dir).name
