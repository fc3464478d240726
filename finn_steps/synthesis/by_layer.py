"""A whole accelerator's counts out of those of its layers: sooner than Yosys has them for the whole, and near to them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.folding.cost import estimate
from finn_steps.rtl.generate import generate
from finn_steps.synthesis.yosys import SynthesisResult

ERROR = 0.06
"""The sum's LUTs differ from the whole's by so much at most: `python -m tests.benchmarks.by_layer`. Measured were jet_qap and jet_dpp
in three styles: -2.5 to +3.7 %; designs of more than 3,000 LUT have not been."""


@dataclass(frozen=True)
class LayerSum:
    """`layers`: name -> what the layer takes as an accelerator of its own. The sums are those of the layers, with what joins them
    (converters, handshakes, memories of answers) as the cost model says: it is there once in the whole, and once in each layer alone."""

    lut: int
    ff: int
    carry: int
    dsp: int
    bram: int
    error: float
    layers: dict[str, SynthesisResult]


def by_layer(accelerator: Accelerator, count: Callable[[Path], SynthesisResult]) -> LayerSum:
    """Every layer synthesised apart. `count` is given a folder of RTL; equal layers are counted once, if it keeps its results."""
    alone = {layer.name: layer_alone(accelerator, place) for place, layer in enumerate(accelerator.layers)}
    counts = {name: counted(one, count) for name, one in alone.items()}
    whole, parts = estimate(accelerator), [estimate(one) for one in alone.values()]
    sums = {name: sum(getattr(result, name) for result in counts.values()) for name in ("lut", "ff", "carry", "dsp", "bram")}
    joins = {name: getattr(whole, name) - sum(getattr(part, name) for part in parts) for name in ("lut", "ff", "bram")}
    return LayerSum(**{name: max(0, much + joins.get(name, 0)) for name, much in sums.items()}, error=ERROR, layers=counts)


def counted(accelerator: Accelerator, count: Callable[[Path], SynthesisResult]) -> SynthesisResult:
    with tempfile.TemporaryDirectory(prefix="qapflow-layer-") as folder:
        generate(accelerator, folder)
        return count(Path(folder))


def layer_alone(accelerator: Accelerator, place: int) -> Accelerator:
    """An accelerator of this layer only, built as it is in the whole."""
    layer = accelerator.layers[place]
    labels = accelerator.labels if place == len(accelerator.layers) - 1 else None
    return replace(accelerator, name=layer.name, layers=(layer,), features=layer.MW, input_index=np.arange(layer.MW), host_input=(),
                   host_output=(), labels=labels)
