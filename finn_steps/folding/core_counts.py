"""Counts of a layer in an unrolled or bit-plane core, from the netlists of the generators themselves.

A layer is counted for four situations: first in its core or not, last or not. Large layers are counted by a sample of their
rows, evenly spaced in the order of the rows' nonzeros. Results are kept on disk by content.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.cache import cache_folder, cached, content_key
from finn_steps.folding.layer_content import layer_content, sources
from finn_steps.rtl.counts import lookup_tables, netlist_counts

COUNTED = 600
"""Nonzeros up to which every row is counted."""
SAMPLE = 200
"""About as many nonzeros are in the rows that stand for a larger layer."""


@dataclass(frozen=True)
class CoreCounts:
    """body: features of the layer wherever it stands; `first`, `inner` are added for its place among its core's layers (first or
    not), `last`, `onward` for what follows it. `depth`: nodes in series. `phases`: cycles in which it takes digits.
    `window`: its successor in a bit-plane core masks its digits."""

    body: dict[str, float]
    first: dict[str, float]
    inner: dict[str, float]
    last: dict[str, float]
    onward: dict[str, float]
    depth: int
    phases: int


def core_counts(layer: SparseLayer, windowed: bool) -> CoreCounts:
    """By the layer's folding, unrolled or bitplane. windowed: as inner layer its inputs would come with masks (see is_windowed)."""
    style = layer.folding.style
    key = content_key(sources(), style, str(vars(layer.folding)), str(windowed), layer.idt, layer.odt, *layer_content(layer))

    def count(workplace: Path) -> None:
        sample, factor = sample_rows(layer)
        counts = (_unrolled if style == "unrolled" else _bitplane)(sample, windowed)
        for name in ("body", "last", "onward"):
            counts[name] = {feature: number * factor for feature, number in counts[name].items()}
        (workplace / "counts.json").write_text(json.dumps(counts))

    return CoreCounts(**json.loads((cached(cache_folder("counts"), key, count) / "counts.json").read_text()))


def sample_rows(layer: SparseLayer) -> tuple[SparseLayer, float]:
    """(a layer of some of the rows, the factor by which all rows have more nonzeros)."""
    if layer.nonzeros <= COUNTED:
        return layer, 1.0
    share = min(layer.MH, layer.nonzeros // SAMPLE)
    order = np.argsort((layer.weights != 0).sum(1), kind="stable")
    rows = np.sort(order[share // 2:: share])
    thresholds = None if layer.thresholds is None else layer.thresholds[rows]
    folding = replace(layer.folding, PE=1, SIMD=1)
    part = SparseLayer(layer.name, layer.weights[rows], layer.bias[rows], thresholds, layer.idt, layer.odt, folding)
    return part, layer.nonzeros / max(1, part.nonzeros)


def is_windowed(layer: SparseLayer) -> bool:
    """Whether a bit-plane layer hands its output on as low bits and two masks: thresholds in steps of a power of two."""
    if layer.thresholds is None or layer.steps + 1 & layer.steps or layer.steps < 3:
        return False
    steps = np.diff(layer.thresholds, axis=1)
    return bool(np.all(steps == steps[:, :1]) and all(step > 0 and step & step - 1 == 0 for step in steps[:, 0].tolist()))


def _unrolled(layer: SparseLayer, windowed: bool) -> dict:
    from finn_steps.rtl.unrolled import unrolled_core

    core = unrolled_core([layer], "counted")
    return {"body": core.counts, "first": {}, "inner": {}, "last": {}, "onward": {}, "depth": core.depth, "phases": 1}


def _bitplane(layer: SparseLayer, windowed: bool) -> dict:
    from finn_steps.rtl.bitplane import Held, _Layer
    from finn_steps.rtl.netlist import Netlist

    idt = DataType[layer.idt]
    width, low = idt.bitwidth(), int(idt.min())
    net = Netlist()
    bits = net.input(width * layer.MW)
    values = [Held(tuple(bits[width * i: width * (i + 1)]), low, low, low + (1 << width) - 1) for i in range(layer.MW)]
    section = _Layer(layer, "l_", net, "held", values, 1, True)
    reads = [(literal, section.depth) for literal in {read for acc in section.accumulators for read in acc.reads}]
    body = netlist_counts(section.planes, reads, section.stages)
    accumulators = [acc for acc in section.accumulators if acc.kept]
    used = {literal >> 1 for literal in section.plane_bits if section.ages[literal >> 1] is not None}
    for acc in accumulators:
        body["columns"] += sum(1 for inputs, _ in acc.functions if inputs)
        body["registers"] += (acc.width if section.phases > 1 else 0) + acc.tail + acc.kept
    phases = section.phases
    choices = phases + (phases - 1).bit_length()
    body["registers"] += len(used) + section.captured - section.visible + 1
    masked = lookup_tables_of_multiplexer(phases) + (choices + 2 > 6)
    return {
        "body": body,
        "first": {"multiplexers": (phases > 1) * len(used) * lookup_tables_of_multiplexer(phases), "registers": width * layer.MW},
        "inner": {"multiplexers": len(used) * masked if windowed else (phases > 1) * len(used) * lookup_tables_of_multiplexer(phases)},
        "last": _answers(section, True), "onward": _answers(section, False),
        "depth": section.depth, "phases": phases,
    }


def lookup_tables_of_multiplexer(choices: int) -> int:
    return 0 if choices <= 1 else -(-choices // 4)


def _answers(section, last: bool) -> Counter:
    """The functions between the captured bits and the output (last) or the next layer's digits."""
    from finn_steps.rtl.netlist import Netlist

    net = Netlist()
    bits = net.input(sum(acc.kept for acc in section.accumulators))
    literals: list[int] = []
    for acc in section.accumulators:
        value = acc.value(net, bits[: acc.kept], last)
        literals += [*value.bits, value.below, value.above]
        bits = bits[acc.kept:]
    counts = netlist_counts(net, [(literal, 0) for literal in literals], [0] * len(net.nodes))
    return Counter(answers=counts["functions"])
