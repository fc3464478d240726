"""Plans of bit heaps in plain Python, one count after the other: what heap_planner.cpp is held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from finn_steps.rtl.heap import signed_digits
from finn_steps.rtl.netlist import Netlist

GROUP_INPUTS = 5
GROUP_SPAN = 4


@dataclass(frozen=True)
class Bit:
    """One bit to add: `weight` (odd) times 2**(its column). `source` is a literal, or (row, bit) of a row of the plan.
    `direct` says that the bit itself, not its complement, is at hand, as a chain needs it. `unit`: when it is there."""

    source: int | tuple[int, int]
    weight: int
    direct: bool
    unit: int


Columns = list[list[Bit]]


@dataclass
class Row:
    """A carry chain over the columns from `start` up: in each the bit of `chain`, plus the groups, plus `carry`."""

    start: int
    chain: list[Bit | None]
    groups: list[tuple[int, list[tuple[int, Bit]]]]
    carry: Bit | None
    unit: int

    @property
    def luts(self) -> int:
        """Columns that need a LUT: those that a group covers, unless nothing but a chain bit is there."""
        return sum(span if bits else 0 for span, bits in self.groups)


Kinds = tuple[tuple[int, int], ...]


@lru_cache(maxsize=1 << 18)
def _best_group(columns: tuple[Kinds, ...]) -> tuple[int, tuple[tuple[int, int, int], ...]]:
    """(digits, ((offset, weight, count), ...)) of the densest group that spans `columns`, each the (weight, count) there."""
    span = len(columns)
    room = (1 << span) - 1
    best: dict[tuple[int, int], tuple[float, tuple]] = {(0, 0): (0.0, ())}
    for offset, kinds in enumerate(columns):
        for weight, count in kinds:
            cost = weight << offset
            if cost > room:
                continue
            bonus = len(signed_digits(weight)) + (0.01 if weight > 1 else -0.001 * offset)
            grown = dict(best)
            for (inputs, used), (value, chosen) in best.items():
                for taken in range(1, min(count, GROUP_INPUTS - inputs, (room - used) // cost) + 1):
                    key, candidate = (inputs + taken, used + taken * cost), value + taken * bonus
                    if key not in grown or candidate > grown[key][0]:
                        grown[key] = (candidate, (*chosen, (offset, weight, taken)))
            best = grown
    chosen = max(best.values(), key=lambda entry: entry[0])[1]
    return sum(count * len(signed_digits(weight)) for _, weight, count in chosen), chosen


def _kinds(column: list[Bit], chained: bool) -> Kinds:
    """(weight, count) of a column's bits without the one that goes to the chain; more than a group can take says nothing."""
    counts: dict[int, int] = {1: -chained}
    for bit in column:
        counts[bit.weight] = counts.get(bit.weight, 0) + 1
    return tuple((weight, min(count, GROUP_INPUTS)) for weight, count in sorted(counts.items()) if count)


def best_row(columns: Columns, threshold: float) -> Row | None:
    """The row that removes most digits beyond `threshold` for each of its columns."""
    width = len(columns)
    direct = [sum(1 for bit in column if bit.direct and bit.weight == 1) for column in columns]
    kinds = tuple(_kinds(column, chainable > 0) for column, chainable in zip(columns, direct))
    best: list[tuple[float, tuple | None]] = [(0.0, None)] * width + [(1.0, None)]
    greatest, ends = [0] * (width + 1), list(range(width + 1))
    lead: tuple[float, int, tuple | None, bool] = (1e-9, 0, None, False)
    for start in reversed(range(width)):
        chained = summed = 0
        singles = sum(bit.weight == 1 for bit in columns[start])
        for span in range(1, min(GROUP_SPAN, width - start) + 1):
            if direct[start + span - 1]:
                chained, summed = chained + 1, summed + (1 << span - 1)
            digits, chosen = _best_group(kinds[start:start + span])
            value = chained + digits - span * (1 + threshold) + best[start + span][0]
            total = summed + sum(count * weight << offset for offset, weight, count in chosen)
            end, goes_on = start + span, best[start + span][1] is not None
            if goes_on:
                total, end = total + (greatest[start + span] << span), ends[start + span]
            used = sum(count for offset, weight, count in chosen if not offset and weight == 1)
            carry = direct[start] > 1 and singles - 1 > used
            whole = value + carry - (end == width or total + carry >= 1 << end - start)
            if whole > lead[0] and (direct[start] or chosen):
                lead = (whole, start, (span, chosen), carry)
            if value > best[start][0] + 1e-9:
                best[start], greatest[start], ends[start] = (value, (span, chosen)), total, end
    _, start, first, carry = lead
    if first is None:
        return None
    groups, column = [first], start + first[0]
    while column < width and best[column][1]:
        groups.append(best[column][1])
        column += best[column][1][0]
    return _fill(columns, start, groups, carry)


def final_row(columns: Columns, accumulate: bool = False) -> Row | None:
    """The row that leaves one bit in each column, if there is one; with `accumulate`, without a bit in its chain."""
    width = len(columns)
    start = 0 if accumulate else next(column for column, bits in enumerate(columns) if sum(bit.weight for bit in bits) > 1)
    kinds: list[dict[int, int]] = []
    carry = False
    for column, bits in enumerate(columns):
        counts: dict[int, int] = {}
        for bit in bits:
            counts[bit.weight] = counts.get(bit.weight, 0) + 1
        direct = sum(1 for bit in bits if bit.direct and bit.weight == 1)
        chained = not accumulate and column >= start and direct > 0
        if column == start:
            carry = direct > chained and (accumulate or len(bits) > 2)
            chained += carry
        if chained:
            counts[1] -= chained
        kinds.append(counts)
    best: list[tuple | None] = [None] * width + [()]
    for column in reversed(range(start, width)):
        inputs = total = 0
        for span in range(1, width - column + 1):
            added = kinds[column + span - 1]
            inputs += sum(added.values())
            total += sum(weight * count for weight, count in added.items()) << span - 1
            if inputs > GROUP_INPUTS:
                break
            if best[column + span] is not None and (total < 1 << span or column + span == width):
                best[column] = (span, tuple((offset, weight, count) for offset in range(span)
                                            for weight, count in kinds[column + offset].items()))
                break
    if best[start] is None:
        return None
    groups, column = [], start
    while column < width:
        groups.append(best[column])
        column += best[column][0]
    return _fill(columns, start, groups, carry, not accumulate)


def plain_row(columns: Columns) -> Row:
    """Two bits of each column from the lowest that holds two up to the next empty one, added."""
    start = next(column for column in range(len(columns)) if len(columns[column]) > 1)
    shape = []
    for column in range(start, len(columns)):
        if not columns[column]:
            break
        shape.append((1, ((0, 1, min(1, len(columns[column]) - 1)),)))
    return _fill(columns, start, shape, False)


def _fill(columns: Columns, start: int, shape: list[tuple], carry: bool, chained: bool = True) -> Row:
    """Choose the bits of a row whose shape is decided: direct ones for the chain, the oldest first."""
    width = len(columns)
    left = {}

    def take(column: int, weight: int, direct: bool) -> Bit | None:
        if column not in left:
            left[column] = sorted(columns[column], key=lambda bit: bit.unit)
        fitting = [bit for bit in left[column] if bit.weight == weight and (bit.direct or not direct)]
        if not fitting:
            return None
        bit = fitting[0] if direct else next((bit for bit in fitting if not bit.direct), fitting[0])
        left[column].remove(bit)
        return bit

    end = start + sum(span for span, _ in shape)
    carried = take(start, 1, True) if carry else None
    chain = [take(column, 1, True) if chained else None for column in range(start, end)]
    groups, column = [], start
    for span, chosen in shape:
        bits = [(offset, take(column + offset, weight, False)) for offset, weight, count in chosen for _ in range(count)]
        groups.append((span, bits))
        column += span
    used = [carried, *chain] + [bit for _, bits in groups for _, bit in bits]
    if end < width and _greatest(chain, groups, carried) >= 1 << end - start:
        chain.append(None)
    return Row(start, chain, groups, carried, max((bit.unit for bit in used if bit), default=0))


def _greatest(chain, groups, carry) -> int:
    total, column = (carry is not None) + sum(1 << i for i, bit in enumerate(chain) if bit), 0
    for span, bits in groups:
        total += sum(bit.weight << column + offset for offset, bit in bits)
        column += span
    return total


PLANS = ((1.6, 1.3, 1.0), (1.5, 1.2), (1.34, 1.0), (1.2,), (1.0,), (1.9, 1.6, 1.3), (2.2, 1.6, 1.3))
LARGE, PLANS_OF_LARGE = 120, (PLANS[0], PLANS[3])
SLACK = 1
LAST_RESORT = (0.7, 0.4)


@dataclass
class Plan:
    """Rows in order, and the bits that are left: the result, or what the row that accumulates looks up and carries in."""

    rows: list[Row] = field(default_factory=list)
    result: list[Bit | None] = field(default_factory=list)
    last: Row | None = None

    @property
    def luts(self) -> int:
        return sum(row.luts for row in self.rows) + (self.last.luts if self.last else 0)

    @property
    def unit(self) -> int:
        return max((bit.unit for bit in self.result if bit), default=self.last.unit if self.last else 0)


def best_plan(net: Netlist, terms: dict[int, int], constant: int, width: int, accumulate: bool) -> Plan:
    units = {literal: net.unit(literal) for literal in terms}
    tried = PLANS if len(terms) <= LARGE else PLANS_OF_LARGE
    plans = [make_plan(terms, units, constant, width, thresholds, accumulate) for thresholds in tried]
    soonest = min(plan.unit for plan in plans)
    in_time = [plan for plan in plans if plan.unit <= soonest + (0 if accumulate else SLACK)]
    return min(in_time, key=lambda plan: (plan.luts, plan.unit))


def make_plan(terms: dict[int, int], units: dict[int, int], constant: int, width: int, thresholds: tuple[float, ...],
              accumulate: bool = False) -> Plan:
    """One way to compress; `thresholds` are the digits that a row must remove for each of its columns, tried in turn.
    With `accumulate`, all ends in `last`: a row over all columns whose chain is left free."""
    columns: Columns = [[] for _ in range(width)]
    for literal, weight in sorted(terms.items()):
        if weight < 0:
            constant += weight
        column = (weight & -weight).bit_length() - 1
        if column < width:
            odd = abs(weight) >> column
            unit = units[literal]
            columns[column].append(Bit(literal ^ (weight < 0), odd, weight > 0, unit))
    plan = Plan()
    whole = any(bit.weight > 1 for column in columns for bit in column)
    if whole and not final_row(_with_constant(columns, constant), accumulate):
        now = min(bit.unit for column in columns for bit in column)
        _stage(plan, columns, now, thresholds[:1])
    if not (whole and final_row(_with_constant(columns, constant), accumulate)):
        constant = _split(columns, constant)
    columns = _with_constant(columns, constant)
    while accumulate or any(sum(bit.weight for bit in column) > 1 for column in columns):
        if row := final_row(columns, accumulate):
            if accumulate:
                plan.last = row
                return plan
            _apply(plan, columns, row)
            break
        now = min(bit.unit for column in columns if len(column) > 1 for bit in column)
        done = max(bit.unit for column in columns for bit in column)
        while now <= done and not _stage(plan, columns, now, thresholds):
            now += 1
        if now > done:
            inverted = _all_direct(columns)
            if final_row(inverted, accumulate):
                columns = inverted
            elif not _stage(plan, columns, done, LAST_RESORT):
                columns = inverted
                _apply(plan, columns, plain_row(columns))
    plan.result = [column[0] if column else None for column in columns]
    return plan


def _with_constant(columns: Columns, constant: int) -> Columns:
    """The same bits, and those of the constant."""
    return [column + [Bit(1, 1, True, 0)] * (constant >> position & 1) for position, column in enumerate(columns)]


def _all_direct(columns: Columns) -> Columns:
    """The same bits, complemented ones through inverters where a chain takes them."""
    return [[Bit(bit.source, bit.weight, True, bit.unit) for bit in column] for column in columns]


def _split(columns: Columns, constant: int) -> int:
    """Replace bits of weight 3, 5, ... by their signed digits; the constant with what complements add to it."""
    width = len(columns)
    for column in range(width):
        for bit in [bit for bit in columns[column] if bit.weight > 1]:
            columns[column].remove(bit)
            for offset, negative in signed_digits(bit.weight):
                if column + offset < width:
                    constant -= negative << column + offset
                    digit = Bit(bit.source ^ negative, 1, bit.direct ^ bool(negative), bit.unit)
                    columns[column + offset].append(digit)
    return constant


def _stage(plan: Plan, columns: Columns, now: int, thresholds: tuple[float, ...]) -> bool:
    """Place rows over the bits that are there at unit `now`, the best first; False where no row is worth it."""
    ready = [[bit for bit in column if bit.unit <= now] for column in columns]
    for threshold in thresholds:
        placed = False
        while row := best_row(ready, threshold):
            _apply(plan, columns, row, ready)
            placed = True
        if placed:
            return True
    return False


def _apply(plan: Plan, columns: Columns, row: Row, ready: Columns | None = None) -> None:
    """Move the bits of a row out of the columns and the bits of its word in."""
    taken = [(row.start, row.carry)] + [(row.start + i, bit) for i, bit in enumerate(row.chain)]
    column = row.start
    for span, bits in row.groups:
        taken += [(column + offset, bit) for offset, bit in bits]
        column += span
    for column, bit in taken:
        if bit:
            columns[column].remove(bit)
            if ready is not None:
                ready[column].remove(bit)
    for offset in range(len(row.chain)):
        columns[row.start + offset].append(Bit((len(plan.rows), offset), 1, True, row.unit + 1))
    plan.rows.append(row)
