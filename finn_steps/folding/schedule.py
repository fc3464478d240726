"""Which multiplier works on which weight in which cycle: the static schedule of a folded layer.

PE processing elements with SIMD lanes each step through the nonzeros of the PE's rows. The inputs are divided among
`owners` (a divisor of SIMD): lane j reads only inputs of owner j mod owners, so its memory is that much smaller. All lanes
of a PE add into one accumulator; with `ahead`, a lane that is done with the PE's current row may begin the next one, into a
second accumulator, so that neither a row's tail nor an uneven division of its inputs lets a lane wait. Rows are dealt to the
PEs so that all finish together (longest processing time first, then exchanges). Nothing of it depends on data.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.lut_sizes import ram_luts, select_luts
from finn_steps.tools.compile import shared_library

LOOPS, FLAGS = Path(__file__).with_name("schedule.cpp"), ["-O3", "-std=c++17"]
LEAST_CYCLES = 3
"""What folded_sequencer can do."""
BACKLOGS = (None, 0.5, 1.0)
"""Rules by which a PE chooses its next row (_pack_pe)."""
SHUFFLES, SHUFFLED_NONZEROS = 24, 400
"""A PE of at most so many nonzeros, for which every cycle counts, tries so many orders of its rows more."""
LOADING = 16
"""With so many cycles more than inputs a layer can surely take its inputs one a beat."""
SLACK = 1.03
"""Of the organisations within this factor of the fewest cycles, the one with the cheapest lanes is taken."""


@dataclass(frozen=True, eq=False)
class Schedule:
    """cycles   T, from frame to frame
    owner    int64 [MW], the owner of each input; address int64 [MW], its place among its owner's
    column   int32 [PE, T, SIMD], the input that each lane takes, -1 for none; the weight is that of the row it works for
    ahead    bool [PE, T, SIMD], the lane works for the PE's next row
    rows     for each PE its rows in the order in which they finish
    finish   for each PE the cycles in which they finish
    """

    cycles: int
    owners: int
    owner: np.ndarray
    address: np.ndarray
    column: np.ndarray
    ahead: np.ndarray
    rows: tuple[tuple[int, ...], ...]
    finish: tuple[tuple[int, ...], ...]

    @property
    def depth(self) -> int:
        """Inputs of an owner, at most."""
        return -(-len(self.owner) // self.owners)

    @property
    def uses_ahead(self) -> bool:
        return bool(self.ahead.any())

    @property
    def utilisation(self) -> float:
        """The share of multiplier cycles that hold a nonzero weight."""
        return float((self.column >= 0).mean())

    def padded(self, cycles: int) -> Schedule:
        """The same with idle cycles behind it."""
        PE, T, SIMD = self.column.shape
        column = np.concatenate([self.column, np.full((PE, cycles - T, SIMD), -1, dtype=np.int32)], axis=1)
        ahead = np.concatenate([self.ahead, np.zeros((PE, cycles - T, SIMD), dtype=bool)], axis=1)
        return replace(self, cycles=cycles, column=column, ahead=ahead)

    def row_at(self, pe: int, cycle: int) -> int:
        """The index into rows[pe] of the row that is current in this cycle."""
        return int(np.searchsorted(self.finish[pe], cycle))


def schedule(layer: SparseLayer) -> Schedule:
    """The schedule of a layer by its folding's PE, SIMD and max_cycles: of those that take at most max_cycles, or hardly more than the
    fewest, the one with the cheapest lanes. The same layer always gets the same one."""
    return _cheapest(_Pattern(layer, layer.folding.max_cycles, layer.idt, layer.greatest_weight))


class _Pattern:
    """What a layer's schedules hang on: where it has weights, PE and SIMD, and what `more` is told. A key for a cache."""

    def __init__(self, layer: SparseLayer, *more: object):
        self.layer, self.nonzero, self.PE, self.SIMD = layer, layer.weights != 0, layer.folding.PE, layer.folding.SIMD
        self.key = (self.PE, self.SIMD, self.nonzero.shape, self.nonzero.tobytes(), *more)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other) -> bool:
        return self.key == other.key


@lru_cache(maxsize=64)
def _cheapest(pattern: _Pattern) -> Schedule:
    layer = pattern.layer
    found = list(_organisations(_Pattern(layer)))
    enough = max(min(plan.cycles for plan in found) * SLACK, layer.folding.max_cycles)
    one_a_beat = layer.MW + LOADING
    found += [plan.padded(one_a_beat) for plan in found if plan.cycles < one_a_beat <= enough]
    return min((plan for plan in found if plan.cycles <= enough), key=lambda plan: lane_luts(layer, plan))


@lru_cache(maxsize=4)
def _organisations(pattern: _Pattern) -> tuple[Schedule, ...]:
    """A schedule for every number of owners, without and with lanes that run ahead."""
    nonzero, PE, SIMD = pattern.nonzero, pattern.PE, pattern.SIMD
    rng = np.random.default_rng(0)
    dealt = deal_rows(nonzero.sum(1), PE, SIMD)
    least = max(max(LEAST_CYCLES, *(len(rows) for rows in dealt)), -(-int(nonzero.sum()) // (PE * SIMD)))
    found: list[Schedule] = []
    for owners in divisors(SIMD):
        owner = divide_columns(nonzero, dealt, owners, rng)
        for ahead in (False, True):
            found.append(_pack(nonzero, dealt, owners, owner, SIMD, ahead))
            if found[-1].cycles == least:
                break
        if owners <= SIMD // 8 and min(plan.cycles for plan in found) <= least * SLACK:
            break
    return tuple(found)


def divisors(number: int) -> list[int]:
    """From the greatest down."""
    return [divisor for divisor in range(number, 0, -1) if number % divisor == 0]


def lane_luts(layer: SparseLayer, plan: Schedule) -> float:
    """Roughly the LUTs of one lane: its control bits, reading its input, its product and its share of the sums."""
    depth, bits = plan.depth, DataType[layer.idt].bitwidth()
    index, ahead = (depth - 1).bit_length(), int(plan.uses_ahead)
    greatest = max(1, layer.greatest_weight)
    ones = greatest == 1 and depth < 1 << index
    memory = (index + (0 if ones else greatest.bit_length()) + 1 + ahead) * max(0.5, plan.cycles / 64)
    select = select_luts(bits, depth, greatest)
    if plan.cycles >= layer.MW + LOADING:
        select = min(select, ram_luts(bits, 2 << index))
    product = greatest.bit_length() + bits
    return memory + select + product + 0.6 * product * (1 + ahead)


def deal_rows(work: np.ndarray, PE: int, SIMD: int) -> list[list[int]]:
    """Rows for each PE, by their nonzeros int64 [MH]: the longest first to the least loaded, then exchanges of pairs."""
    work = np.maximum(work, 1)
    dealt, counts = np.empty(len(work), dtype=np.int64), np.empty(PE, dtype=np.int64)
    _library().deal_rows(work, np.argsort(-work, kind="stable"), len(work), PE, dealt, counts)
    return [rows.tolist() for rows in np.split(dealt, np.cumsum(counts)[:-1])]


def divide_columns(nonzero: np.ndarray, dealt: list[list[int]], owners: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [MW]: an owner for each input, at most ceil(MW / owners) each, so that the owners' work is even in every row and PE."""
    MH, MW = nonzero.shape
    if owners == 1:
        return np.zeros(MW, dtype=np.int64)
    if owners == MW:
        return np.arange(MW)
    pe_of, owner = np.empty(MH, dtype=np.int64), np.empty(MW, dtype=np.int64)
    for pe, rows in enumerate(dealt):
        pe_of[rows] = pe
    order, pairs = np.argsort(-nonzero.sum(0), kind="stable"), rng.integers(0, MW, (min(20_000, 60 * MW), 2))
    _library().divide_columns(nonzero, pe_of, order, MH, MW, len(dealt), owners, pairs, len(pairs), owner)
    return owner


def _pack(nonzero, dealt, owners: int, owner: np.ndarray, SIMD: int, ahead: bool) -> Schedule:
    """Run every PE's lanes cycle by cycle."""
    packed = [_shortest(nonzero, rows, owners, owner, SIMD, ahead) for rows in dealt]
    T = max(LEAST_CYCLES, *(len(columns) for _, _, columns, _ in packed))
    column = np.full((len(dealt), T, SIMD), -1, dtype=np.int32)
    is_ahead = np.zeros((len(dealt), T, SIMD), dtype=bool)
    for pe, (_, _, columns, aheads) in enumerate(packed):
        column[pe, : len(columns)], is_ahead[pe, : len(columns)] = columns, aheads
    address = np.empty(len(owner), dtype=np.int64)
    for o in range(owners):
        address[owner == o] = np.arange((owner == o).sum())
    rows, finish = (tuple(tuple(one[i]) for one in packed) for i in (0, 1))
    return Schedule(T, owners, owner, address, column, is_ahead, rows, finish)


def _shortest(nonzero, rows: list[int], owners: int, owner: np.ndarray, SIMD: int, ahead: bool):
    """One PE, its rows in the order of the first rule that needs few cycles, or else of the best."""
    work = int(nonzero[rows].sum())
    least, best = max(len(rows), -(-work // SIMD)), None
    rng = np.random.default_rng(0)
    shuffles = SHUFFLES if ahead and len(rows) > 2 and work <= SHUFFLED_NONZEROS else 0
    for rule in (*(BACKLOGS if ahead else BACKLOGS[:1]), *(rng.permutation(rows) for _ in range(shuffles))):
        found = _pack_pe(nonzero, rows, owners, owner, SIMD, ahead, rule)
        if best is None or len(found[2]) < len(best[2]):
            best = found
        if len(best[2]) <= least * SLACK:
            break
    return best


def _pack_pe(nonzero, rows: list[int], owners: int, owner: np.ndarray, SIMD: int, ahead: bool, rule: float | np.ndarray | None):
    """One PE: its rows in order, the cycle in which each finishes, and what each lane takes and for which row, by cycle.

    In each cycle every owner's lanes take inputs of the current row, then, if `ahead`, of the next. The rows' order is `rule`, or
    begins with the longest; the next is then the one whose work is most where the lanes would else be idle, or, where the rule
    is a backlog, the one that brings what is left to do when the current row is done nearest to so many cycles of all lanes.
    """
    row, taken = np.nonzero(nonzero[rows])
    counts = np.bincount(row * owners + owner[taken], minlength=len(rows) * owners).reshape(len(rows), owners)
    fixed = isinstance(rule, np.ndarray)
    left = np.array([rows.index(row) for row in rule]) if fixed else np.argsort(-counts.sum(1), kind="stable")
    backlog = -1 if fixed or rule is None else round(2 * rule)
    most = int(np.maximum(1, -(-counts.max(1, initial=0) // (SIMD // owners))).sum())
    column, ahead_of = np.empty((most, SIMD), dtype=np.int32), np.empty((most, SIMD), dtype=bool)
    done, finish = np.empty(len(rows), dtype=np.int64), np.empty(len(rows), dtype=np.int64)
    cycles = _library().pack_pe(nonzero, nonzero.shape[1], np.array(rows, dtype=np.int64), len(rows), owners, owner, SIMD, ahead,
                                left.astype(np.int64), fixed, backlog, column, ahead_of, done, finish)
    return [rows[place] for place in done.tolist()], finish.tolist(), column[:cycles], ahead_of[:cycles]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """The functions of schedule.cpp; arrays are C-contiguous."""
    library = ctypes.CDLL(str(shared_library([LOOPS], FLAGS)))
    number, flags = ctypes.c_int64, np.ctypeslib.ndpointer(bool, flags="C")
    array = np.ctypeslib.ndpointer(np.int64, flags="C")
    library.deal_rows.argtypes = [array, array, number, number, array, array]
    library.divide_columns.argtypes = [flags, array, array, number, number, number, number, array, number, array]
    library.pack_pe.argtypes = [flags, number, array, number, number, array, number, number, array, number, number,
                                np.ctypeslib.ndpointer(np.int32, flags="C"), flags, array, array]
    library.pack_pe.restype = number
    library.deal_rows.restype = library.divide_columns.restype = None
    return library
