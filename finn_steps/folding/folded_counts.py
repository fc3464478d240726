"""Counts of a folded layer from the structure of its library modules: lanes, memories, adder trees, activations."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.cache import cache_folder, cached, content_key
from finn_steps.folding.collect import collect
from finn_steps.folding.layer_content import layer_content, sources
from finn_steps.folding.schedule import schedule
from finn_steps.rtl.folded import address_bits
from finn_steps.rtl.folded_activation import Activation, RowRange, choose_activation, in_block


@dataclass(frozen=True)
class Shape:
    """What the schedule of a folded layer decides: cycles, owners, whether lanes run ahead, units and beats of the collector, the cycle
    of the first and the last take. `exact` is False for a bound that no schedule can be below."""

    cycles: int
    owners: int
    ahead: bool
    units: int
    beats: int
    first: int
    last: int
    exact: bool = True


@dataclass(frozen=True, eq=False)
class Facts:
    """What a folded layer's counts take from its weights and thresholds, whatever its PE and SIMD: bits of an input, a weight, a
    product, an accumulator and an output; nonzeros, in all and of the longest row; its activation, and the entries of its table."""

    x: int
    weight: int
    product: int
    accumulator: int
    y: int
    nonzeros: int
    longest: int
    activation: Activation
    entries: int


@lru_cache(maxsize=256)
def facts_of(layer: SparseLayer) -> Facts:
    idt, greatest = DataType[layer.idt], max(1, int(np.abs(layer.weights).max()))
    ranges = layer.accumulator_max - layer.accumulator_min
    return Facts(
        x=idt.bitwidth(), weight=1 + greatest.bit_length(), product=(greatest * int(idt.max() - idt.min())).bit_length(),
        accumulator=RowRange.of(layer).bits, y=DataType[layer.odt].bitwidth(), nonzeros=layer.nonzeros,
        longest=int((layer.weights != 0).sum(1).max()), activation=choose_activation(layer), entries=int((ranges + 1).sum()),
    )


def shape_of(layer: SparseLayer) -> Shape:
    """The shape by the layer's schedule, kept on disk."""
    key = content_key(sources(), "shape", f"{layer.folding.PE} {layer.folding.SIMD}", (layer.weights != 0).tobytes(), str(layer.weights.shape))

    def plan(workplace: Path) -> None:
        found = schedule(layer)
        takes = collect(found)
        shape = Shape(found.cycles, found.owners, found.uses_ahead, takes.units, len(takes.rows), takes.first, takes.last)
        (workplace / "shape.json").write_text(json.dumps(asdict(shape)))

    return Shape(**json.loads((cached(cache_folder("counts"), key, plan) / "shape.json").read_text()))


def least_shape(layer: SparseLayer, facts: Facts) -> Shape:
    """A bound for the layer's PE and SIMD, without a schedule: every lane busy in every cycle, one unit, the smallest memories."""
    PE, SIMD = layer.folding.PE, layer.folding.SIMD
    cycles = max(1, -(-facts.nonzeros // (PE * SIMD)), -(-facts.longest // SIMD), layer.MH // PE)
    return Shape(cycles, SIMD, False, 1, layer.MH, 0, 0, exact=False)


def folded_counts(layer: SparseLayer, facts: Facts, shape: Shape, serial: bool) -> dict[str, float]:
    """Features of the layer's modules; `serial`: its inputs come one a beat."""
    x, weight, product, accumulator = facts.x, facts.weight, facts.product, facts.accumulator
    PE, SIMD, trees = layer.folding.PE, layer.folding.SIMD, 1 + shape.ahead
    lanes, depth = PE * SIMD, layer.MW // shape.owners
    index = address_bits(depth)
    levels = tree_levels(SIMD, product)
    sums = [(-(-SIMD // 2 ** level), product + level) for level in range((SIMD - 1).bit_length() + 1)]
    tree = sum(operands // 2 * (width + 1) for operands, width in sums)
    control = PE * (SIMD * (index + weight + shape.ahead) + 1)
    choice = address_bits(PE // shape.units)
    picks = 1 + shape.units * choice
    frames = 1 + -(-(shape.last + 12) // shape.cycles)
    answers = shape.units * facts.y
    memories = [(control, shape.cycles), (picks, shape.cycles), *_activation_memories(layer, facts, shape)]
    logic = sum(width * rom_luts(rows) for width, rows in memories if not in_block(width, rows))
    blocks = sum(block_rams(width, rows) for width, rows in memories if in_block(width, rows))
    counts = {
        "lane_memories": lanes * ram_luts(x, 2 ** (index + 1)) if serial else 0,
        "lane_selects": 0 if serial or depth == 1 else lanes * x * multiplexer_luts(depth),
        "products": lanes * (x if weight == 2 else weight * x),
        "ahead": shape.ahead * lanes * product,
        "trees": PE * trees * tree,
        "accumulators": PE * trees * accumulator,
        "roms": logic,
        "collector": shape.units * accumulator * multiplexer_luts(PE // shape.units),
        "activations": shape.units * _activation_luts(layer, facts),
        "answer_memory": shape.exact * ram_luts(answers, 2 ** (shape.beats * frames + 1 - 1).bit_length()),
        "layers": 1,
        "bram": blocks,
    }
    counts["registers"] = (
        lanes * (x + weight + product * trees) + PE * trees * sum(operands * width for operands, width in sums[1:]) + PE * (trees + 1) * accumulator
        + logic_outputs(memories) + shape.units * (accumulator + answers) + (0 if serial else shape.owners * depth * x)
        + PE * 2 * (levels + 2)
    )
    return counts


def tree_levels(SIMD: int, product: int) -> int:
    """Registers in series in the adder tree of a PE, for products of so many bits: the first level takes pairs, or six or three of
    the narrowest operands."""
    group = 1 if SIMD == 1 or product > 2 else 6 if product == 1 else 3
    return int(group > 1) + (-(-SIMD // group) - 1).bit_length()


def _activation_memories(layer: SparseLayer, facts: Facts, shape: Shape) -> list[tuple[int, int]]:
    """(width, rows) of the constant memories of all units."""
    kind, found = facts.activation.kind, layer.steps.bit_length()
    if kind == "search":
        memories = [(facts.accumulator, shape.beats << stage) for stage in range(found)]
    elif kind == "table":
        entries = -(-facts.entries // shape.units)
        memories = [(entries.bit_length(), shape.beats), (found, entries)]
    else:
        memories = [(facts.y if kind == "raw" else facts.accumulator, shape.beats)]
    return memories * shape.units


def _activation_luts(layer: SparseLayer, facts: Facts) -> int:
    found = layer.steps.bit_length()
    if facts.activation.kind == "search":
        return found * facts.accumulator
    return facts.accumulator + (found + 2 if facts.activation.kind == "shift" else 0)


def logic_outputs(memories: list[tuple[int, int]]) -> int:
    return sum(width for width, rows in memories if not in_block(width, rows))


def ram_luts(width: int, rows: int) -> int:
    """LUTs of a distributed memory with one write and one read port: RAM32M, RAM64M, RAM128X1D, RAM256X1D."""
    if rows <= 32:
        return 4 * -(-width // 6)
    if rows <= 64:
        return 4 * -(-width // 3)
    return width * 4 * -(-rows // 128)


def rom_luts(rows: int) -> float:
    """LUTs of one bit of a constant memory."""
    return max(0.25, rows / 64)


def multiplexer_luts(choices: int) -> int:
    """LUTs of one bit of a multiplexer."""
    return 0 if choices <= 1 else -(-choices // 4)


def block_rams(width: int, rows: int) -> int:
    """18 Kbit block RAMs, in the shape that takes least."""
    shapes = [(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)]
    return min(-(-rows // depth) * -(-width // bits) for depth, bits in shapes)
