"""Counts of layers in an unrolled or bit-plane core, from the netlists of the generators themselves.

A bit-plane layer is counted for four situations: first in its core or not, last or not. Unrolled layers of one core are counted together.
Large layers are counted by a sample of their rows, evenly spaced in the order of the rows' nonzeros. Results are kept on disk by content.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.layer_content import layer_content, sources
from finn_steps.folding.mapped import multiplexer
from finn_steps.rtl.bitplane import Section, held_inputs
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.generate import core_name, make_core
from finn_steps.rtl.netlist import Netlist
from finn_steps.tools.cache import cache_folder, cached, content_key

COUNTED = 3500
"""Nonzeros up to which every row is counted."""
SAMPLE = 1200
"""About as many nonzeros are in the rows that stand for a larger layer."""


@dataclass(frozen=True)
class CoreCounts:
    """body: features of the layer wherever it stands; `first`, `inner` are added for its place among its core's layers (first or
    not), `last`, `onward` for what follows it. `depth`: nodes in series. `phases`: cycles in which it takes digits."""

    body: dict[str, float]
    first: dict[str, float]
    inner: dict[str, float]
    last: dict[str, float]
    onward: dict[str, float]
    depth: int
    phases: int


def unrolled_counts(layers: tuple[SparseLayer, ...], labels: np.ndarray | None, exact: bool = False) -> tuple[dict[str, float], int]:
    """Features and latency of an unrolled core. Where there is a sample, layers are added up, and the latency is that of the longest
    paths of all of them; `exact`: never by a sample."""
    if exact or sum(layer.nonzeros for layer in layers) <= COUNTED:
        core = make_core("unrolled", list(layers), f"{core_name(list(layers))}_core", labels)
        return core.counts, core.latency
    features: Counter = Counter()
    depth = 0
    for layer in layers:
        sample, factor = sample_rows(layer)
        core = make_core("unrolled", [sample], "sample")
        features.update({feature: number * factor for feature, number in core.counts.items()})
        depth += core.depth
    return features, max(0, depth - 1) // layers[0].folding.registers_every + 1


def core_counts(layer: SparseLayer, windowed: bool, exact: bool = False) -> CoreCounts:
    """Of a bit-plane layer. windowed: as inner layer its inputs would come with masks (see is_windowed); `exact`: of all rows."""
    sample, factor = (layer, 1.0) if exact else sample_rows(layer)
    key = content_key(sources(), str(vars(sample.folding)), f"{windowed} {factor}", sample.idt, sample.odt, *layer_content(sample))

    def count(workplace: Path) -> None:
        counts = _bitplane(sample, windowed)
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
    part = SparseLayer(layer.name, layer.weights[rows], layer.bias[rows], thresholds, layer.idt, layer.odt, layer.folding, layer.input_range)
    return part, layer.nonzeros / max(1, part.nonzeros)


def is_windowed(layer: SparseLayer) -> bool:
    """Whether a bit-plane layer hands its output on as low bits and two masks: thresholds in steps of a power of two."""
    if layer.thresholds is None or layer.steps + 1 & layer.steps or layer.steps < 3:
        return False
    steps = np.diff(layer.thresholds, axis=1)
    return bool(np.all(steps == steps[:, :1]) and all(step > 0 and step & step - 1 == 0 for step in steps[:, 0].tolist()))


def _bitplane(layer: SparseLayer, windowed: bool) -> dict:
    net = Netlist()
    section = Section(layer, "l_", net, "held", held_inputs(net, layer), 1, True)
    reads = [(literal, section.depth) for literal in {read for acc in section.accumulators for read in acc.reads}]
    body = netlist_counts(section.planes, reads, section.stages, section.width)
    accumulators = [acc for acc in section.accumulators if acc.kept]
    used, reading = len(section.oldest()), section.reading
    for acc in accumulators:
        body["columns"] += sum(1 for inputs, _ in acc.functions if inputs)
        body["registers"] += (acc.width if acc.phases > 1 else 0) + acc.tail + acc.kept
    choices = reading + (reading - 1).bit_length()
    body["registers"] += used + section.captured - section.visible + 1
    plain, masked = (reading > 1) * multiplexer(reading), multiplexer(reading) + (choices + 2 > 6)
    return {
        "body": body,
        "first": {"multiplexers": used * plain, "registers": sum(layer.input_bits)},
        "inner": {"multiplexers": used * (masked if windowed else plain)},
        "last": _answers(section, True), "onward": _answers(section, False),
        "depth": section.depth, "phases": section.phases,
    }


def _answers(section: Section, last: bool) -> Counter:
    """The functions between the captured bits and the output (last) or the next layer's digits."""
    net = Netlist()
    bits = net.input(sum(acc.kept for acc in section.accumulators))
    literals: list[int] = []
    for acc in section.accumulators:
        value = acc.answer.value(net, bits[: acc.kept], last)
        literals += [*value.bits, value.below, value.above]
        bits = bits[acc.kept:]
    counts = netlist_counts(net, [(literal, 0) for literal in literals], [0] * len(net.nodes))
    return Counter(answers=counts["functions"])
