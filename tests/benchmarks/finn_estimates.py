"""FINN's own estimates for the same network as a dense MVAU of each layer: its analysis passes on a graph of MVAU_hls nodes."""

from __future__ import annotations

import tempfile

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.finn.environment import finn_build_folder

PART = "xc7z020clg400-1"
PUBLISHED = {
    "UNSW-NB15 w2a2": ((16, 40), (8, 8), (8, 8), (1, 1)),
    "TFC_2W2A": ((16, 49), (8, 8), (8, 8), (10, 8)),
}
"""(PE, SIMD) of each layer. TFC's are finn-examples' tfc-w2a2_folding_config.json; UNSW's were set from memory, to II 64, and not
checked against a published file."""


def dense_foldings(accelerator: Accelerator, target_ii: int) -> tuple[tuple[int, int], ...]:
    """For each layer the (PE, SIMD) of the smallest product with MW x MH / (PE x SIMD) at most `target_ii`, as square as can
    be."""
    found = []
    for layer in accelerator.layers:
        ways = [(PE, SIMD) for PE in divisors(layer.MH) for SIMD in divisors(layer.MW)
                if layer.MW * layer.MH <= target_ii * PE * SIMD]
        found.append(min(ways, key=lambda way: (way[0] * way[1], abs(way[0] - way[1]))))
    return tuple(found)


def divisors(number: int) -> list[int]:
    return [divisor for divisor in range(1, number + 1) if number % divisor == 0]


def dense_estimate(accelerator: Accelerator, foldings: tuple[tuple[int, int], ...]) -> dict:
    """{"lut", "bram", "dsp", "ii"} that FINN expects of the MVAUs alone; bram in units of 18 Kbit.

    To be called with the network as it was given: FINN sees no zeros, dead neurons or unread inputs.
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
    for number, (layer, (PE, SIMD)) in enumerate(zip(accelerator.layers, foldings)):
        if layer.MH % PE or layer.MW % SIMD:
            raise ValueError(f"{layer.name}: PE ({PE}) and SIMD ({SIMD}) do not divide MH ({layer.MH}) and MW ({layer.MW})")
        style = "distributed" if PE * SIMD == layer.MH * layer.MW else "auto"
        names = [f"a{number}", f"w{number}", *([f"t{number}"] if layer.thresholds is not None else [])]
        nodes.append(helper.make_node(
            "MVAU_hls", names, [f"a{number + 1}"], f"MVAU_hls_{number}", domain="finn.custom_op.fpgadataflow.hls",
            backend="fpgadataflow", MW=layer.MW, MH=layer.MH, PE=PE, SIMD=SIMD, inputDataType=layer.idt,
            weightDataType=layer.wdt, outputDataType=output_type(layer), accDataType=layer.accdt,
            ActVal=0, noActivation=int(layer.thresholds is None), numInputVectors=[1], ram_style=style,
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
