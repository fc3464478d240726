"""The lanes of a folded layer: the fields of their control words, and the shape of their products."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.schedule import Schedule
from finn_steps.rtl.core import Core
from finn_steps.rtl.folded_activation import accumulator_bits
from finn_steps.rtl.heap import compress
from finn_steps.rtl.lut_sizes import FF_IN_LUTS, ram_luts, select_luts
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import pipeline

TABLE_INPUTS = 6
"""Inputs of a LUT."""
MULTIPLIER = (24, 17)
"""Bits of the unsigned numbers that a DSP48 multiplies."""
MANY = 2000
"""Bits of a sum from which on its functions are written as tables: a simulator's C++ of it is a third shorter. (Yosys' counts of tables
and of expressions differ by a per cent or two either way.)"""
NARROWEST = 9
"""Products of fewer bits are no DSP block to Yosys (synth_xilinx: DSP_Y_MINWIDTH)."""


@dataclass(frozen=True)
class Widths:
    """Bits of an input, of a weight's magnitude, of an accumulator and of an output; the greatest magnitude, and the greatest
    distance of an input from the least. `dsp`: products are made by multipliers."""

    x: int
    magnitude: int
    accumulator: int
    y: int
    greatest: int
    x_max: int
    dsp: bool = False

    @classmethod
    def of(cls, layer: SparseLayer) -> Widths:
        idt, greatest = DataType[layer.idt], max(1, layer.greatest_weight)
        return cls(idt.bitwidth(), greatest.bit_length(), accumulator_bits(layer), DataType[layer.odt].bitwidth(), greatest,
                   int(idt.max()) - int(idt.min()), layer.folding.products == "dsp")

    @property
    def slice(self) -> int:
        """Bits of an input that one table multiplies by a magnitude and a sign: as many as make a table of six inputs."""
        return min(self.x, max(1, TABLE_INPUTS - 1 - self.magnitude))

    def group(self, SIMD: int) -> int:  # noqa: N803
        """Lanes whose products one multiplier adds up (multiplier_group.sv); 0 where tables multiply."""
        shift = (2 * self.greatest * self.x_max).bit_length()
        return 0 if not self.dsp else 1 + (SIMD > 1 and shift + self.x <= MULTIPLIER[0] and shift + self.magnitude <= MULTIPLIER[1])

    def pieces(self, SIMD: int) -> tuple[tuple[int, int], ...]:  # noqa: N803
        """(weight's exponent, bits) of the partial products of a lane, one for each slice of its input, or of a multiplier."""
        if self.dsp:
            return ((0, (self.group(SIMD) * self.greatest * self.x_max).bit_length()),)
        found = []
        for low in range(0, self.x, self.slice):
            greatest = min(self.x_max >> low, (1 << min(self.slice, self.x - low)) - 1)
            found.append((low, (self.greatest * greatest).bit_length()))
        return tuple(found)

    def products(self, SIMD: int) -> int:  # noqa: N803
        """Products of SIMD lanes, those of a multiplier as one."""
        return -(-SIMD // max(1, self.group(SIMD)))

    def product_bits(self, SIMD: int) -> int:  # noqa: N803
        """Bits of all pieces of one product."""
        return sum(bits for _, bits in self.pieces(SIMD))

    def multipliers(self, SIMD: int, ahead: int) -> int:  # noqa: N803
        """DSP blocks of a PE. Synthesis leaves a narrow product of one lane to LUTs."""
        group, narrow = self.group(SIMD), (self.greatest * self.x_max).bit_length() < NARROWEST
        alone = SIMD if group == 1 else SIMD % 2
        return 0 if not group else (SIMD // 2 * (group == 2) + alone * (not narrow)) * (1 + ahead)


@dataclass(frozen=True)
class LaneFormat:
    """What tells a lane of a layer what to do: {ahead, negative, magnitude, index}, the index lowest.

    depth    inputs that a lane chooses from
    idle     there is no magnitude, all are 1, and the index `depth` stands for a lane without work
    ahead    1 where products may be for the next row
    cycles   from the control word to the product
    """

    depth: int
    index: int
    magnitude: int
    idle: bool
    ahead: int
    cycles: int

    @classmethod
    def of(cls, widths: Widths, SIMD: int, depth: int, ahead: bool) -> LaneFormat:  # noqa: N803
        index = (depth - 1).bit_length()
        idle = widths.greatest == 1 and depth < 1 << index
        choosing = 2 if depth > 1 else 0
        direct = depth <= 2 and choosing + index + widths.magnitude + ahead < TABLE_INPUTS and adds(widths, SIMD)
        cycles = 1 if direct and not widths.dsp else 2
        return cls(depth, index, 0 if idle else widths.magnitude, idle, int(ahead), cycles)

    @property
    def field(self) -> int:
        return self.index + self.magnitude + 1 + self.ahead

    def words(self, weight: np.ndarray, address: np.ndarray, later: np.ndarray) -> np.ndarray:
        """The fields of lanes that multiply the inputs at `address` by `weight`; int64 [N]."""
        words = (weight < 0).astype(np.int64) << self.magnitude | (0 if self.idle else np.abs(weight))
        return later.astype(np.int64) << self.field - 1 | words << self.index | address

    @property
    def rest(self) -> int:
        """The field of a lane without work."""
        return self.depth if self.idle else 0


def takes_one_a_beat(layer: SparseLayer, cycles: int, owners: int, slots: int) -> bool:
    """Whether inputs are loaded one a cycle, while the frame before is worked on, into memories of the lanes: where they are in
    time, and cost less than a frame's registers and multiplexers. `slots`: those of an arriving frame."""
    if cycles < slots + 4:
        return False
    bits, lanes = DataType[layer.idt].bitwidth(), layer.folding.PE * layer.folding.SIMD
    depth = -(-layer.MW // owners)
    loader = 15 + owners + (owners.bit_length() + depth.bit_length()) * -(-slots // 64)
    registers = FF_IN_LUTS * bits * (layer.MW + slots)
    select = select_luts(bits, depth, layer.greatest_weight)
    return lanes * ram_luts(bits, 2 << (depth - 1).bit_length()) + loader <= lanes * select + registers


def control_bits(layer: SparseLayer, plan: Schedule, lanes: LaneFormat) -> np.ndarray:
    """bool [T, PE * (SIMD * field + 1)]: for each cycle for each PE its lanes' fields, lane 0 lowest, and above them whether a row
    finishes."""
    PE, T, SIMD = plan.column.shape
    fields = np.full((PE, T, SIMD), lanes.rest, dtype=np.int64)
    finishes = np.zeros((PE, T, 1), dtype=bool)
    for pe, (rows, finish) in enumerate(zip(plan.rows, plan.finish)):
        cycle, lane = np.nonzero(plan.column[pe] >= 0)
        column, later = plan.column[pe, cycle, lane], plan.ahead[pe, cycle, lane]
        row = np.array(rows, dtype=np.int64)[np.searchsorted(finish, cycle) + later]
        fields[pe, cycle, lane] = lanes.words(layer.weights[row, column], plan.address[column], later)
        finishes[pe, list(finish)] = True
    bits = np.stack([fields >> bit & 1 for bit in range(lanes.field)], axis=3, dtype=bool, casting="unsafe").reshape(PE, T, -1)
    return np.concatenate([bits, finishes], axis=2).transpose(1, 0, 2).reshape(T, -1)


def sum_core(widths: Widths, SIMD: int, module: str = "sum") -> Core | None:  # noqa: N803
    """The sum of the products of SIMD lanes, modulo 2**accumulator, a register after every row; x is lane 0's pieces lowest.
    None where nothing is to be added."""
    return _sum_core(widths.pieces(SIMD), widths.products(SIMD), sum_bits(widths, SIMD), module) if adds(widths, SIMD) else None


def adds(widths: Widths, SIMD: int) -> bool:  # noqa: N803
    """Whether SIMD lanes have anything to add up."""
    return widths.products(SIMD) > 1 or len(widths.pieces(SIMD)) > 1


def sum_bits(widths: Widths, SIMD: int) -> int:  # noqa: N803
    return min(widths.accumulator, (SIMD * widths.greatest * widths.x_max).bit_length())


@lru_cache(maxsize=1024)
def _sum_core(pieces: tuple[tuple[int, int], ...], products: int, width: int, module: str) -> Core:
    net = Netlist()
    places = [low + bit for low, bits in pieces for bit in range(bits)] * products
    terms = {literal: 1 << place for literal, place in zip(net.input(len(places)), places)}
    return pipeline(net, compress(net, terms, 0, width), module, len(places), 1, tabled=len(places) >= MANY)
