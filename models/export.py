"""QONNX export of a trained network, cleaned, and checked against the network itself."""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model

from models.network import QuantMLP


def export(model: QuantMLP, path: Path | str, check: torch.Tensor) -> None:
    """Write `model` (deployable: see biases.snap_biases) as QONNX to `path`, atomically.

    The graph takes raw features float32 [N, F], N free: Sub, Div, Quant, then (MatMul or Gemm, Add, Relu, Quant) and so on.
    Before the file appears, its logits on `check` [N, F] (raw features) are compared with the model's: RuntimeError where a
    single one differs.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model.eval()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        raw = Path(folder) / "model.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            export_qonnx(model, args=check[:1].clone(), export_path=str(raw), input_names=["features"],
                         output_names=["logits"], opset_version=13, dynamo=False)
        wrapper = cleanup_model(ModelWrapper(str(raw)))
        compare(model, wrapper, check)
        free_batch(wrapper)
        wrapper.graph.name = path.resolve().parent.name
        wrapper.save(str(raw))
        onnx.checker.check_model(str(raw))
        os.replace(raw, path)


def compare(model: QuantMLP, wrapper: ModelWrapper, check: torch.Tensor) -> None:
    """RuntimeError unless QONNX's execution of `wrapper` and `model` give the same logits for every row of `check`."""
    with torch.no_grad():
        expected = model(check).numpy()
    source, sink = wrapper.graph.input[0].name, wrapper.graph.output[0].name
    produced = np.concatenate([execute_onnx(wrapper, {source: row[None].numpy()})[sink] for row in check])
    differing = np.flatnonzero((produced != expected).any(1))
    if len(differing):
        first = differing[0]
        raise RuntimeError(f"the exported model differs from the trained one on {len(differing)} of {len(check)} samples; "
                           f"first at {first}: {produced[first]} instead of {expected[first]}")


def free_batch(wrapper: ModelWrapper) -> None:
    """Make the first dimension of input and output symbolic (N), and drop shapes in between, which fix it to 1."""
    for value in (*wrapper.graph.input, *wrapper.graph.output):
        value.type.tensor_type.shape.dim[0].ClearField("dim_value")
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del wrapper.graph.value_info[:]
