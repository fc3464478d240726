"""Counts of a folded layer from the structure of its library modules: lanes, memories, adder trees, activations."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.cache import cache_folder, cached, content_key
from finn_steps.folding.collect import collect
from finn_steps.folding.layer_content import sources
from finn_steps.folding.mapped import constant_memory, multiplexer
from finn_steps.folding.schedule import schedule
from finn_steps.rtl.folded import address_bits
from finn_steps.rtl.folded_activation import Activation, choose_activation, in_block, window
from finn_steps.rtl.folded_lanes import LaneFormat, Widths, sum_core
from finn_steps.rtl.lut_sizes import block_rams, ram_luts

CONTROL = 50
"""LUTs of folded_sequencer, frame_fifo and folded_collector beside memories and multiplexers."""
LOADER = 25
"""LUTs of folded_loader."""
COUNTED_LANES = 32
"""Of more, the sum is counted only for the estimate of what is built."""
BOUND = 0.9
"""Sums of lanes have not been seen to take less, lane by lane, than this share of what those of the next smaller power of two take."""


@dataclass(frozen=True)
class Shape:
    """What the schedule of a folded layer decides: cycles, owners, whether lanes run ahead, units and beats of the collector, the
    cycle of the first and the last take, whether rows leave in their own order. `exact` is False for a bound that no schedule
    can be below."""

    cycles: int
    owners: int
    ahead: bool
    units: int
    beats: int
    first: int
    last: int
    natural: bool
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Facts:
    """What a folded layer's counts take from its weights and thresholds, whatever its PE and SIMD: bits of its numbers; nonzeros,
    in all and of the longest row; its activation, and the entries of its table."""

    widths: Widths
    nonzeros: int
    longest: int
    activation: Activation
    entries: int


@lru_cache(maxsize=256)
def facts_of(layer: SparseLayer) -> Facts:
    activation = choose_activation(layer)
    return Facts(
        widths=Widths.of(layer), nonzeros=layer.nonzeros,
        longest=int((layer.weights != 0).sum(1).max()), activation=activation, entries=int((activation.ranges.high + 1).sum()),
    )


def shape_of(layer: SparseLayer) -> Shape:
    """The shape by the layer's schedule, kept on disk."""
    nonzero, greatest = layer.weights != 0, layer.greatest_weight
    key = content_key(sources(), "shape", str(vars(layer.folding)), layer.idt, str(greatest), nonzero.tobytes(), str(nonzero.shape))

    def plan(workplace: Path) -> None:
        found = schedule(layer)
        takes = collect(found)
        natural = np.array_equal(takes.rows.ravel(), np.arange(layer.MH))
        shape = Shape(found.cycles, found.owners, found.uses_ahead, takes.units, len(takes.rows), takes.first, takes.last, natural)
        (workplace / "shape.json").write_text(json.dumps(asdict(shape)))

    return Shape(**json.loads((cached(cache_folder("counts"), key, plan) / "shape.json").read_text()))


def least_shape(layer: SparseLayer, facts: Facts) -> Shape:
    """A bound for the layer's PE and SIMD, without a schedule: every lane busy in every cycle, one unit, the smallest memories."""
    PE, SIMD = layer.folding.PE, layer.folding.SIMD
    cycles = max(1, -(-facts.nonzeros // (PE * SIMD)), -(-facts.longest // SIMD), -(-layer.MH // PE))
    return Shape(cycles, SIMD, False, 1, layer.MH, 0, 0, natural=True, exact=False)


def folded_counts(layer: SparseLayer, facts: Facts, shape: Shape, serial: bool, full: bool = False) -> dict[str, float]:
    """Features of the layer's modules; `serial`: its inputs come one a beat; `full`: see sum_counts."""
    widths = _widths(layer, facts)
    PE, SIMD, trees = layer.folding.PE, layer.folding.SIMD, 1 + shape.ahead
    count, depth = PE * SIMD, -(-layer.MW // shape.owners)
    lanes, total = LaneFormat.of(widths, SIMD, depth, shape.ahead), sum_counts(widths, SIMD, shape.exact, full)
    control = PE * (SIMD * lanes.field + 1)
    choice = address_bits(-(-PE // shape.units))
    picks = 1 + shape.units * choice
    frames = 1 + -(-(shape.last + 12) // shape.cycles)
    answers = shape.units * widths.y
    memories = [(control, shape.cycles), (picks, shape.cycles), *_activation_memories(layer, facts, shape)]
    logic = sum(constant_memory(width, rows) for width, rows in memories if not in_block(width, rows))
    blocks = sum(block_rams(width, rows) for width, rows in memories if in_block(width, rows))
    merged = lanes.cycles == 1
    sums = PE * trees
    counts = {
        "lane_memories": count * ram_luts(widths.x, 2 ** (max(1, lanes.index) + 1)) if serial else 0,
        "lane_selects": 0 if serial or merged or depth <= 2 and widths.greatest == 1 else count * widths.x * multiplexer(depth),
        "products": count * (widths.x if widths.dsp else widths.product_bits(SIMD)),
        "trees": sums * (total["columns"] + total["functions"] + total["delays"]),
        "accumulators": PE * widths.accumulator * (1 + 2 * shape.ahead),
        "roms": logic,
        "collector": shape.units * widths.accumulator * multiplexer(-(-PE // shape.units)),
        "control": CONTROL + (LOADER if serial else 0),
        "activations": shape.units * _activation_luts(layer, facts),
        "answer_memory": shape.exact * ram_luts(answers, 2 ** (shape.beats * frames + 1 - 1).bit_length()),
        "layers": 1,
        "bram": blocks,
        "dsp": PE * widths.multipliers(SIMD, shape.ahead),
    }
    taken = 0 if merged or widths.dsp else widths.x + lanes.magnitude + 1 + shape.ahead
    counts["registers"] = (
        count * taken + (0 if widths.dsp else count * widths.product_bits(SIMD) * trees) + sums * total["registers"]
        + PE * (trees + 1) * widths.accumulator + logic_outputs(memories) + shape.units * (widths.accumulator + answers)
        + (0 if serial else layer.MW * widths.x)
        + 2 * (lanes.cycles + total["latency"]) + PE
    )
    return counts


def sum_counts(widths: Widths, SIMD: int, exact: bool, full: bool) -> Counter:  # noqa: N803
    """Counts and latency of the sum of SIMD lanes. `full`: of the core itself; else many lanes are counted in proportion to
    COUNTED_LANES, and, as a bound (not `exact`), any number in proportion to the next smaller power of two."""
    power = 1 << SIMD.bit_length() - 1
    whole = SIMD if full or exact and SIMD <= COUNTED_LANES else min(COUNTED_LANES, power)
    core = sum_core(widths, whole)
    if core is None:
        return Counter()
    factor = 1 if whole == SIMD else (1 if exact else BOUND) * SIMD / whole
    latency = core.latency + (power // whole).bit_length() - (power >= whole)
    return Counter(latency=latency, **{name: factor * n for name, n in core.counts.items()})


def delay_of(layer: SparseLayer, facts: Facts, shape: Shape, full: bool = False) -> int:
    """Cycles from a control word to the sum of its products, without the two that every layer takes."""
    widths = _widths(layer, facts)
    total = sum_counts(widths, layer.folding.SIMD, shape.exact, full)
    lanes = LaneFormat.of(widths, layer.folding.SIMD, -(-layer.MW // shape.owners), shape.ahead)
    return lanes.cycles + total["latency"] - 2


def _widths(layer: SparseLayer, facts: Facts) -> Widths:
    """With what multiplies, which is the folding's."""
    return replace(facts.widths, dsp=layer.folding.products == "dsp")


def _activation_memories(layer: SparseLayer, facts: Facts, shape: Shape) -> list[tuple[int, int]]:
    """(width, rows) of the constant memories of all units."""
    kind, found = facts.activation.kind, layer.steps.bit_length()
    if kind == "search":
        memories = [(facts.widths.accumulator, shape.beats << stage) for stage in range(found)]
    elif kind == "table":
        entries = -(-facts.entries // shape.units)
        memories = [(entries.bit_length(), shape.beats), (found, entries)]
    elif kind == "window":
        memories = [(facts.widths.accumulator + 1, shape.beats), (found, shape.beats << window(facts.activation.ranges)[1])]
    else:
        memories = [(facts.widths.y if kind == "raw" else facts.widths.accumulator, shape.beats)]
    return memories * shape.units


def _activation_luts(layer: SparseLayer, facts: Facts) -> int:
    found = layer.steps.bit_length()
    if facts.activation.kind == "search":
        return found * facts.widths.accumulator
    return facts.widths.accumulator + (found + 2 if facts.activation.kind in ("shift", "window") else 0)


def logic_outputs(memories: list[tuple[int, int]]) -> int:
    return sum(width for width, rows in memories if not in_block(width, rows))
