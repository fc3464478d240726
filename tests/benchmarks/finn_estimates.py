"""FINN's own estimates for the same network as a dense MVAU of each layer: its analysis passes on a graph of MVAU_hls nodes."""

from __future__ import annotations

import tempfile

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.finn_environment import finn_build_folder

PART = "xc7z020clg400-1"
PUBLISHED = {
    "UNSW-NB15 w2a2": ((16, 40), (8, 8), (8, 8), (1, 1)),
    "TFC_2W2A": ((16, 49), (8, 8), (8, 8), (10, 8)),
}
"""(PE, SIMD) of each layer: FINN's test of the cybersecurity network, and finn-examples' tfc-w2a2_folding_config.json."""
RAM_STYLES = ("block", "auto", "auto", "distributed")
"""Of each layer, as in the latter."""


def dense_estimate(accelerator: Accelerator, foldings: tuple[tuple[int, int], ...]) -> dict:
    """{"lut", "bram", "dsp", "ii"} that FINN expects; bram in units of 18 Kbit.

    Accelerators with as many inputs as the folding wants: FINN sees no zeros, dead neurons or unread inputs.
    """
    with tempfile.TemporaryDirectory() as folder, finn_build_folder(folder):
        from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
        from finn.analysis.fpgadataflow.res_estimation import res_estimation

        model = dense_graph(accelerator, foldings)
        used = list(res_estimation(model, PART).values())
        cycles = exp_cycles_per_layer(model)
    return {
        "lut": round(sum(node["LUT"] for node in used)),
        "bram": round(sum(node["BRAM_18K"] for node in used)),
        "dsp": round(sum(node["DSP"] for node in used)),
        "ii": int(max(cycles.values())),
    }


def dense_graph(accelerator: Accelerator, foldings: tuple[tuple[int, int], ...]) -> ModelWrapper:
    """A chain of MVAU_hls nodes, thresholds inside."""
    nodes, shapes = [], [accelerator.MW, *(layer.MH for layer in accelerator.layers)]
    for number, (layer, (PE, SIMD), style) in enumerate(zip(accelerator.layers, foldings, RAM_STYLES)):
        if layer.MH % PE or layer.MW % SIMD:
            raise ValueError(f"{layer.name}: PE ({PE}) and SIMD ({SIMD}) do not divide MH ({layer.MH}) and MW ({layer.MW})")
        names = [f"a{number}", f"w{number}", *([f"t{number}"] if layer.thresholds is not None else [])]
        nodes.append(helper.make_node(
            "MVAU_hls", names, [f"a{number + 1}"], f"MVAU_hls_{number}", domain="finn.custom_op.fpgadataflow.hls", backend="fpgadataflow",
            MW=layer.MW, MH=layer.MH, PE=PE, SIMD=SIMD, inputDataType=layer.idt, weightDataType=layer.wdt, outputDataType=output_type(layer),
            accDataType=layer.accdt, ActVal=0, noActivation=int(layer.thresholds is None), numInputVectors=[1], ram_style=style,
            resType="lut", mem_mode="internal_decoupled"))
    values = [helper.make_tensor_value_info(f"a{number}", TensorProto.FLOAT, [1, size]) for number, size in enumerate(shapes)]
    graph = helper.make_graph(nodes, "dense", values[:1], values[-1:], value_info=values[1:-1])
    model = ModelWrapper(helper.make_model(graph))
    for number, layer in enumerate(accelerator.layers):
        model.set_initializer(f"w{number}", layer.weights.T.astype(np.float32))
        if layer.thresholds is not None:
            model.set_initializer(f"t{number}", layer.thresholds.astype(np.float32))
    return model


def output_type(layer: SparseLayer) -> str:
    return layer.accdt if layer.thresholds is None else layer.odt
