"""Which multiplier works on which weight in which cycle: the static schedule of a folded layer.

PE processing elements with SIMD lanes each step through the nonzeros of the PE's rows. The inputs are divided among
`owners` (a divisor of SIMD): lane j reads only inputs of owner j mod owners, so its memory is that much smaller. All lanes
of a PE add into one accumulator; with `ahead`, a lane that is done with the PE's current row may begin the next one, into a
second accumulator, so that neither a row's tail nor an uneven division of its inputs lets a lane wait. Rows are dealt to the
PEs so that all finish together (longest processing time first, then exchanges). Nothing of it depends on data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.lut_sizes import ram_luts, select_luts

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
    column   int64 [PE, T, SIMD], the input that each lane takes, -1 for none; the weight is that of the row it works for
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
        column = np.concatenate([self.column, np.full((PE, cycles - T, SIMD), -1)], axis=1)
        ahead = np.concatenate([self.ahead, np.zeros((PE, cycles - T, SIMD), dtype=bool)], axis=1)
        return replace(self, cycles=cycles, column=column, ahead=ahead)

    def row_at(self, pe: int, cycle: int) -> int:
        """The index into rows[pe] of the row that is current in this cycle."""
        return int(np.searchsorted(self.finish[pe], cycle))


def schedule(layer: SparseLayer) -> Schedule:
    """The schedule of a layer by its folding's PE, SIMD and max_cycles: of those that take at most max_cycles, or hardly more than the
    fewest, the one with the cheapest lanes. The same layer always gets the same one."""
    found = list(_organisations(_Pattern(layer)))
    enough = max(min(plan.cycles for plan in found) * SLACK, layer.folding.max_cycles)
    one_a_beat = layer.MW + LOADING
    found += [plan.padded(one_a_beat) for plan in found if plan.cycles < one_a_beat]
    return min((plan for plan in found if plan.cycles <= enough), key=lambda plan: lane_luts(layer, plan))


class _Pattern:
    """What a layer's schedules hang on: where it has weights, and PE and SIMD. A key for a cache."""

    def __init__(self, layer: SparseLayer):
        self.nonzero, self.PE, self.SIMD = layer.weights != 0, layer.folding.PE, layer.folding.SIMD
        self.key = (self.PE, self.SIMD, self.nonzero.shape, self.nonzero.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other) -> bool:
        return self.key == other.key


@lru_cache(maxsize=64)
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
    greatest = max(1, int(np.abs(layer.weights).max()))
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
    rows: list[list[int]] = [[] for _ in range(PE)]
    load = np.zeros(PE, dtype=np.int64)
    for row in np.argsort(-work, kind="stable"):
        pe = min(range(PE), key=lambda p: (load[p], len(rows[p])))
        rows[pe].append(int(row))
        load[pe] += work[row]
    for _ in range(50 * PE):
        if not _exchange(rows, load, work, int(np.argmax(load))):
            break
    return rows


def _exchange(rows: list[list[int]], load: np.ndarray, work: np.ndarray, top: int) -> bool:
    """Move a row from the most loaded PE, or swap two, so that the greater of the two loads falls."""
    best, change = load[top], None
    for other in range(len(rows)):
        gap = load[top] - load[other]
        if gap < 2:
            continue
        for a in rows[top]:
            for b in [None, *rows[other]]:
                delta = work[a] - (work[b] if b is not None else 0)
                if 0 < delta < gap and max(load[top] - delta, load[other] + delta) < best:
                    best, change = max(load[top] - delta, load[other] + delta), (other, a, b, delta)
    if change is None:
        return False
    other, a, b, delta = change
    rows[top].remove(a)
    rows[other].append(a)
    if b is not None:
        rows[other].remove(b)
        rows[top].append(b)
    load[top] -= delta
    load[other] += delta
    return True


def divide_columns(nonzero: np.ndarray, dealt: list[list[int]], owners: int, rng: np.random.Generator) -> np.ndarray:
    """int64 [MW]: an owner for each input, at most ceil(MW / owners) each, so that the owners' work is even in every row and PE."""
    MW = nonzero.shape[1]
    if owners == 1:
        return np.zeros(MW, dtype=np.int64)
    if owners == MW:
        return np.arange(MW)
    # A column is described by its nonzeros in each row and, weighed more, in each PE.
    features = np.concatenate([nonzero, 2.0 * np.array([nonzero[rows].sum(0) for rows in dealt])]).T.astype(float)
    order = np.argsort(-features.sum(1), kind="stable")
    capacity, load = np.full(owners, -(-MW // owners)), np.zeros((owners, features.shape[1]))
    owner = np.empty(MW, dtype=np.int64)
    for column in order:
        cost = load @ features[column] + np.where(capacity > 0, 0, np.inf)
        owner[column] = int(np.argmin(cost))
        capacity[owner[column]] -= 1
        load[owner[column]] += features[column]
    for a, b in rng.integers(0, MW, (min(20_000, 60 * MW), 2)):
        one, two = owner[a], owner[b]
        if one != two:
            difference = features[a] - features[b]
            if difference @ (load[two] - load[one] + difference) < -1e-9:
                load[one] -= difference
                load[two] += difference
                owner[a], owner[b] = two, one
    return owner


def _pack(nonzero, dealt, owners: int, owner: np.ndarray, SIMD: int, ahead: bool) -> Schedule:
    """Run every PE's lanes cycle by cycle."""
    packed = [_shortest(nonzero, rows, owners, owner, SIMD, ahead) for rows in dealt]
    T = max(LEAST_CYCLES, *(len(columns) for _, _, columns, _ in packed))
    column = np.full((len(dealt), T, SIMD), -1, dtype=np.int64)
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
    ports, queues, counts = SIMD // owners, *_queues(nonzero[rows], owners, owner)
    fixed = isinstance(rule, np.ndarray)
    left = np.array([rows.index(row) for row in rule]) if fixed else np.argsort(-counts.sum(1), kind="stable")
    order, finish, columns, aheads = [], [], [], []
    current, following, left = int(left[0]) if rows else None, None, left[1:]
    while current is not None:
        if following is None and len(left):
            place = 0 if fixed else _next_row(counts[current], counts[left], ports, rule)
            following, left = int(left[place]), np.delete(left, place)
        taken, later = np.full(SIMD, -1, dtype=np.int64), np.zeros(SIMD, dtype=bool)
        for row in (current, following) if ahead and following is not None else (current,):
            for o in np.flatnonzero(counts[row]).tolist():
                for lane in range(o, SIMD, owners):
                    if taken[lane] < 0 and queues[row][o]:
                        taken[lane], later[lane] = queues[row][o].pop(), row != current
                        counts[row, o] -= 1
        columns.append(taken)
        aheads.append(later)
        if not counts[current].any():
            order.append(rows[current])
            finish.append(len(columns) - 1)
            current, following = following, None
    return order, finish, columns, aheads


def _queues(nonzero: np.ndarray, owners: int, owner: np.ndarray) -> tuple[list[list[list[int]]], np.ndarray]:
    """For each row and owner the inputs that are to be taken, the first last, and how many: int64 [rows, owners]."""
    owned = [np.flatnonzero(owner == o)[::-1] for o in range(owners)]
    queues = [[inputs[row[inputs]].tolist() for inputs in owned] for row in nonzero]
    counts = np.array([[len(queue) for queue in row] for row in queues], dtype=np.int64).reshape(len(nonzero), owners)
    return queues, counts


def _next_row(current: np.ndarray, left: np.ndarray, ports: int, backlog: float | None) -> int:
    """Which row of `left`, int64 [rows, owners], goes well with what is left of the current one (_pack_pe)."""
    together = current + left
    if backlog is not None:
        wanted = ports * (max(1, -(-int(current.max()) // ports)) + backlog)
        return int(np.argmin(np.square(together - wanted).sum(1)))
    work, owners = together.sum(1), left.shape[1]
    idle = -(-together.max(1) // ports) * ports * owners - work
    return int(np.lexsort((-work, idle))[0])
