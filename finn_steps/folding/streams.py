"""How frames travel to an accelerator and from it: that depends on the cycles of its folded layers."""

from __future__ import annotations

from pathlib import Path

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.accelerator.stream import StreamFormat
from finn_steps.folding.schedule import schedule


def streams(accelerator: Accelerator) -> tuple[StreamFormat, StreamFormat]:
    """Of input frames and output frames: in one beat, or in as many as a folded layer at that end has cycles for."""
    return input_stream(accelerator), output_stream(accelerator)


def input_stream(accelerator: Accelerator) -> StreamFormat:
    return StreamFormat.of(accelerator.idt, accelerator.MW, lanes(accelerator, accelerator.MW, accelerator.layers[0]))


def output_stream(accelerator: Accelerator) -> StreamFormat:
    return StreamFormat.of(accelerator.odt, accelerator.MH, lanes(accelerator, accelerator.MH, accelerator.layers[-1]))


def lanes(accelerator: Accelerator, elements: int, layer: SparseLayer) -> int:
    """Elements in a beat at the end of an accelerator where `layer` stands."""
    if layer.folding.style != "folded" or elements == 1:
        return elements
    cycles = max(schedule(layer).cycles for layer in accelerator.layers if layer.folding.style == "folded")
    return min(lanes for lanes in range(1, elements + 1) if elements % lanes == 0 and elements // lanes <= cycles)


def save_accelerator(accelerator: Accelerator, folder: Path | str) -> None:
    """Accelerator.save with its streams."""
    accelerator.save(folder, streams(accelerator))
