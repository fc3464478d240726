"""FINN build steps from a QONNX file to a graph of SparseMVAU nodes: plain functions `(model, cfg) -> model`."""

from __future__ import annotations

from pathlib import Path

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import RemoveUnusedTensors

from finn_steps.importer.lower import import_model
from finn_steps.reference import write_standard_onnx
from finn_steps.simplify import simplify
from finn_steps.transformation.integer_graph import integer_graph


def step_import_qonnx(model: ModelWrapper, cfg) -> ModelWrapper:
    """The model becomes an integer network without dead parts; standard.onnx, its reference, is written beside it."""
    imported = import_model(model, name_of(cfg))
    simplified = simplify(imported.accelerator)
    write_standard_onnx(imported, Path(cfg.output_dir) / "standard.onnx", simplified)
    return integer_graph(simplified.accelerator)


def step_infer_sparse_mvau(model: ModelWrapper, cfg) -> ModelWrapper:
    """FINN's MVAU and Thresholding nodes become SparseMVAU nodes."""
    from finn_steps.transformation.infer_sparse_mvau import InferSparseMVAU

    return model.transform(InferSparseMVAU()).transform(RemoveUnusedTensors())


def name_of(cfg) -> str:
    """The build's name, or the output folder's."""
    return getattr(getattr(cfg, "build", None), "name", None) or Path(cfg.output_dir).name
