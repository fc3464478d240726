"""Sums of many weighted bits, compressed to one word by rows of carry chains whose every LUT also looks up a table.

A bit of a carry chain adds a bit A, fed to the chain directly, to a function of up to five other bits: one LUT6. A row
therefore adds to its word A a second word made of *groups*: up to five digits whose sum fits the columns of the group. The
densest group takes three digits of a column and two of the next into three columns, and a row of such groups takes 8/3
digits (and its carry-in) for every digit it gives: 0.6 LUT for each digit that disappears, where adding two words costs 1.
Rows are chosen greedily, the ones that remove most digits for their length first, until one row can take all that is left.
"""

from __future__ import annotations

from functools import lru_cache

from finn_steps.rtl.netlist import Function, Netlist

GROUP_INPUTS = 5
THRESHOLDS = (1.5, 1.34, 1.2, 1.0, 0.7, 0.4)


def compress(net: Netlist, terms: dict[int, int], constant: int, width: int) -> list[int]:
    """Literals, least significant first, of (sum of weight * literal over `terms`, plus `constant`) mod 2**width."""
    columns = digits(terms, constant, width)
    while True:
        done = max([net.unit(literal) for column in columns for literal in column], default=0)
        now = min([net.unit(literal) for column in columns if len(column) > 1 for literal in column], default=0)
        if all(len(column) <= 1 for column in columns):
            return [column[0] if column else 0 for column in columns]
        row = final_row(columns)
        if row:
            replace(columns, *place(net, [list(column) for column in columns], row))
            continue
        while now <= done and not stage(net, columns, now):
            now += 1
        if now > done:
            columns = [[uncomplemented(net, literal) for literal in column] for column in columns]


def digits(terms: dict[int, int], constant: int, width: int) -> list[list[int]]:
    """For each column 2**i, the literals to add there, negative weights turned into complements and a constant."""
    columns: list[list[int]] = [[] for _ in range(width)]
    for literal, weight in sorted(terms.items()):
        for column, negative in signed_digits(weight):
            if column < width:
                columns[column].append(literal ^ negative)
                constant -= negative << column
    for column in range(width):
        if constant >> column & 1:
            columns[column].append(1)
    return columns


def signed_digits(weight: int) -> list[tuple[int, int]]:
    """(column, negative) of the nonzero digits of the canonical signed-digit form."""
    found, column = [], 0
    while weight:
        if weight & 1:
            negative = int(weight & 3 == 3)
            found.append((column, negative))
            weight += 1 if negative else -1
        weight >>= 1
        column += 1
    return found


def stage(net: Netlist, columns: list[list[int]], now: int) -> bool:
    """Place rows over the digits that are there at unit `now`, the best first; False where no row is worth it."""
    ready = [[literal for literal in column if net.unit(literal) <= now] for column in columns]
    for threshold in THRESHOLDS:
        placed = False
        while row := best_row(ready, threshold):
            replace(columns, *place(net, ready, row))
            placed = True
        if placed:
            return True
    return False


def replace(columns: list[list[int]], taken: list[tuple[int, int]], made: list[tuple[int, int]]) -> None:
    """Take digits, (column, literal), out of the columns and put others in."""
    for column, literal in taken:
        columns[column].remove(literal)
    for column, literal in made:
        columns[column].append(literal)


def uncomplemented(net: Netlist, literal: int) -> int:
    """The same bit, as one that a chain can take directly: an inverter where need be."""
    return net.function([literal & ~1], 1, plain=False) if literal & 1 and literal > 1 else literal


class Row:
    """`groups` is a list of (span, digits taken from each of the span's columns), from column `start` upwards."""

    def __init__(self, start: int, groups: list[tuple[int, tuple[int, ...]]], carry: bool):
        self.start, self.groups, self.carry = start, groups, carry


@lru_cache(maxsize=None)
def compositions(span: int) -> tuple[tuple[int, ...], ...]:
    """The digit counts per column that a group of `span` columns can take: at most five digits, sum below 2**span."""
    found = []

    def extend(counts, left, room):
        if len(counts) == span:
            found.append(tuple(counts))
            return
        weight = 1 << len(counts)
        for count in range(min(left, room // weight) + 1):
            extend([*counts, count], left - count, room - count * weight)

    extend([], GROUP_INPUTS, (1 << span) - 1)
    return tuple(found)


def positive(column: list[int]) -> int:
    return sum(1 for literal in column if literal == 1 or not literal & 1)


def best_row(columns: list[list[int]], threshold: float) -> Row | None:
    """The row that removes most digits beyond `threshold` for each of its columns."""
    width = len(columns)
    chain = [min(1, positive(column)) for column in columns]
    rest = [len(column) - a for column, a in zip(columns, chain)]
    best = [(0.0, None)] * (width + 1)
    for start in reversed(range(width)):
        for span in range(1, min(5, width - start) + 1):
            direct = sum(chain[start:start + span])
            for counts in compositions(span):
                if all(counts[i] <= rest[start + i] for i in range(span)):
                    value = direct + sum(counts) - span * (1 + threshold) + best[start + span][0]
                    if value > best[start][0] + 1e-9:
                        best[start] = (value, (span, counts))
    gain, start, carry = 0.0, None, False
    for column in range(width):
        if best[column][1] is None:
            continue
        counts = best[column][1][1]
        spare = rest[column] - counts[0] > 0 and positive(columns[column]) > 1
        overflow = 1
        value = best[column][0] + spare - overflow
        if value > gain + 1e-9:
            gain, start, carry = value, column, spare
    if start is None:
        return None
    groups, column = [], start
    while column < width and best[column][1]:
        groups.append(best[column][1])
        column += best[column][1][0]
    return Row(start, groups, carry)


def final_row(columns: list[list[int]]) -> Row | None:
    """The row that leaves one digit in each column, if there is one."""
    width = len(columns)
    start = next(column for column in range(width) if len(columns[column]) > 1)
    carry = positive(columns[start]) > 1 and len(columns[start]) > 2
    rest = [len(column) - min(1, positive(column)) for column in columns]
    rest[start] -= carry
    best: list[tuple[int, tuple[int, ...]] | None] = [None] * (width + 1)
    feasible = [False] * width + [True]
    for column in reversed(range(start, width)):
        for span in range(1, min(5, width - column) + 1):
            counts = tuple(rest[column:column + span])
            cut = column + span == width
            if feasible[column + span] and (counts in compositions(span) or cut and sum(counts) <= GROUP_INPUTS):
                best[column], feasible[column] = (span, counts), True
                break
    if not feasible[start]:
        return None
    groups, column = [], start
    while column < width:
        groups.append(best[column])
        column += best[column][0]
    return Row(start, groups, carry)


def place(net: Netlist, columns: list[list[int]], row: Row) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Add a row to the netlist and take its digits out of `columns`: (column, literal) of those taken, and of its word."""
    chain: list[int] = []
    words: list[Function] = []
    taken: list[tuple[int, int]] = []

    def take(column: int, count: int, direct: bool) -> list[int]:
        found = _take(columns[column], count, direct)
        taken.extend((column, literal) for literal in found)
        return found

    carry = take(row.start, 1, True)[0] if row.carry else 0
    column = row.start
    for span, counts in row.groups:
        for offset in range(span):
            chain += take(column + offset, 1, True) if positive(columns[column + offset]) else [0]
        group = [(literal, 1 << offset) for offset in range(span) for literal in take(column + offset, counts[offset], False)]
        words += sum_functions(group, span)
        column += span
    if column < len(columns):
        chain.append(0)
        words.append(((), 0))
    return taken, list(enumerate(net.adder(chain, words, carry), row.start))


def _take(column: list[int], count: int, direct: bool) -> list[int]:
    """Remove digits from a column: uncomplemented ones for the chain itself, complemented ones first for a table."""
    order = sorted(column, key=lambda literal: (literal & 1 and literal > 1 if direct else not literal & 1, literal))
    for literal in order[:count]:
        column.remove(literal)
    return order[:count]


def sum_functions(taken: list[tuple[int, int]], span: int) -> list[Function]:
    """The bits of the sum of weighted literals, as functions of them."""
    literals = tuple(literal for literal, _ in taken)
    sums = [sum(weight for position, (_, weight) in enumerate(taken) if value >> position & 1)
            for value in range(1 << len(taken))]
    return [(literals, sum((total >> bit & 1) << value for value, total in enumerate(sums))) for bit in range(span)]
