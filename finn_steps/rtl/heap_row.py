"""The choice of one row for a bit heap (heap.py): which bits go to the chain, and which are looked up beside it.

Bits are chosen by count, weight and column, by dynamic programming from the highest column down; then the oldest
that fit are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

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


@lru_cache(maxsize=None)
def signed_digits(weight: int) -> tuple[tuple[int, int], ...]:
    """(column, negative) of the nonzero digits of the canonical signed-digit form; 3 stays 2 + 1."""
    if weight == 3:
        return ((0, 0), (1, 0))
    found, column = [], 0
    while weight:
        if weight & 1:
            negative = int(weight & 3 == 3)
            found.append((column, negative))
            weight += 1 if negative else -1
        weight >>= 1
        column += 1
    return tuple(found)


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
