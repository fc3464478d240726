"""Counts of a folded layer from the structure of its library modules: lanes, memories, adder trees, activations."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.collect import collect
from finn_steps.folding.layer_content import sources
from finn_steps.folding.mapped import constant_memory, multiplexer
from finn_steps.folding.schedule import schedule
from finn_steps.rtl.control_memory import ControlMemory, divided
from finn_steps.rtl.folded import small_memories
from finn_steps.rtl.folded_activation import Activation, choose_activation, in_block
from finn_steps.rtl.folded_lanes import LaneFormat, Widths, control_bits, sum_core
from finn_steps.rtl.lut_sizes import block_rams, ram_luts
from finn_steps.tools.cache import cache_folder, cached, content_key

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
    cycle of the first and the last take, whether rows leave in their own order, and `stored`, the columns of the control words that
    differ. `exact` is False for a bound that no schedule can be below."""

    cycles: int
    owners: int
    ahead: bool
    units: int
    beats: int
    first: int
    last: int
    natural: bool
    stored: int
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Facts:
    """What a folded layer's counts take from its weights and thresholds, whatever its PE and SIMD: bits of its numbers; nonzeros,
    in all and of the longest row; its activation; `one_magnitude`: all weights are there and differ in sign only."""

    widths: Widths
    nonzeros: int
    longest: int
    activation: Activation
    one_magnitude: bool


@lru_cache(maxsize=256)
def facts_of(layer: SparseLayer) -> Facts:
    magnitudes = np.abs(layer.weights)
    return Facts(
        widths=Widths.of(layer), nonzeros=layer.nonzeros,
        longest=int((layer.weights != 0).sum(1).max()), activation=choose_activation(layer),
        one_magnitude=bool(magnitudes.min() == magnitudes.max()),
    )


def shape_of(layer: SparseLayer) -> Shape:
    """The shape by the layer's schedule, kept on disk."""
    nonzero = layer.weights != 0
    folding = replace(layer.folding, blocks=-1)
    key = content_key(sources(), "shape", str(vars(folding)), layer.idt, layer.odt, layer.weights.tobytes(), str(nonzero.shape))

    def plan(workplace: Path) -> None:
        found = schedule(layer)
        takes = collect(found)
        natural = np.array_equal(takes.rows.ravel(), np.arange(layer.MH))
        lanes = LaneFormat.of(Widths.of(layer), layer.folding.SIMD, found.depth, found.uses_ahead)
        stored = len(ControlMemory(control_bits(layer, found, lanes)).columns)
        shape = Shape(found.cycles, found.owners, found.uses_ahead, takes.units, len(takes.rows), takes.first, takes.last, natural, stored)
        (workplace / "shape.json").write_text(json.dumps(asdict(shape)))

    return Shape(**json.loads((cached(cache_folder("counts"), key, plan) / "shape.json").read_text()))


def least_shape(layer: SparseLayer, facts: Facts) -> Shape:
    """A bound for the layer's PE and SIMD, without a schedule: every lane busy in every cycle, one unit, the smallest memories. Lanes of
    which all inputs have a weight are in step."""
    PE, SIMD = layer.folding.PE, layer.folding.SIMD
    cycles = max(1, -(-facts.nonzeros // (PE * SIMD)), -(-facts.longest // SIMD), -(-layer.MH // PE))
    lanes = LaneFormat.of(facts.widths, SIMD, -(-layer.MW // SIMD), False)
    dense = facts.nonzeros == layer.weights.size
    fields = lanes.field - dense * lanes.index - facts.one_magnitude * lanes.magnitude
    return Shape(cycles, SIMD, False, 1, layer.MH, 0, 0, natural=True, stored=PE * SIMD * fields, exact=False)


def folded_counts(layer: SparseLayer, facts: Facts, shape: Shape, serial: bool, full: bool = False) -> dict[str, float]:
    """Features of the layer's modules; `serial`: its inputs come one a beat; `full`: see sum_counts."""
    widths = _widths(layer, facts)
    PE, SIMD, trees = layer.folding.PE, layer.folding.SIMD, 1 + shape.ahead
    count, depth = PE * SIMD, -(-layer.MW // shape.owners)
    lanes, total = LaneFormat.of(widths, SIMD, depth, shape.ahead), sum_counts(widths, SIMD, shape.exact, full)
    frames = 1 + -(-(shape.last + 12) // shape.cycles)
    answers = shape.units * widths.y
    others = small_memories(facts.activation, PE, shape.cycles, shape.units, shape.beats)
    division = divided(shape.stored, shape.cycles, others, layer.folding.blocks)
    shared = division.control or layer.folding.blocks >= 0
    kept = [(shape.stored - division.control if shared else PE * (SIMD * lanes.field + 1), shape.cycles)]
    kept += [memory for memory in others if not (division.others and in_block(*memory))]
    logic = sum(constant_memory(width, rows) for width, rows in kept)
    blocks = block_rams(division.control, shape.cycles) + division.others * sum(block_rams(*m) for m in others if in_block(*m))
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
        + PE * (trees + 1) * widths.accumulator + sum(width for width, _ in kept) + shape.units * (widths.accumulator + answers)
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


def _activation_luts(layer: SparseLayer, facts: Facts) -> int:
    found = layer.steps.bit_length()
    if facts.activation.kind == "search":
        return found * facts.widths.accumulator
    return facts.widths.accumulator + (found + 2 if facts.activation.kind in ("shift", "window") else 0)
