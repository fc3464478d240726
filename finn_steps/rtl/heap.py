"""Sums of many weighted bits, compressed to one word by rows of carry chains whose every LUT also looks up a table.

A bit of a carry chain adds a bit A, fed to the chain directly, to a function of up to five other bits: one LUT6. A row
therefore adds to its word A a second word made of *groups*: up to five bits whose weighted sum fits the columns of the group.
Three bits of a column and two of the next fill three columns, so a row takes 8/3 digits (and its carry-in) for every digit it
gives: 0.6 LUT for each digit that disappears, where adding two words costs 1. Bits of weight 3 or 5 count as two digits.
Rows are chosen greedily, those that remove most digits for their length first, until one row can take all that is left;
`compress` plans this several ways and builds the cheapest of those that are done at most SLACK rows after the first (an
accumulator's, not after: a layer waits for its slowest).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from finn_steps.rtl.heap_row import Bit, Columns, Row, best_row, final_row, plain_row, signed_digits
from finn_steps.rtl.netlist import Function, Netlist

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


def compress(net: Netlist, terms: dict[int, int], constant: int, width: int, either: bool = False) -> list[int]:
    """Literals, least significant first, of (sum of weight * literal over `terms`, plus `constant`) mod 2**width. With `either`
    they may be complements of signals: where most weights are negative, the complement, -1 - sum, has more bits for chains."""
    if either and sum(weight > 0 for weight in terms.values()) * 2 < len(terms):
        complement = compress(net, {literal: -weight for literal, weight in terms.items()}, -1 - constant, width)
        return [literal ^ 1 for literal in complement]
    plan = best_plan(net, terms, constant, width, accumulate=False)
    words = build(net, plan)
    return [_literal(words, bit) for bit in plan.result]


def compress_to_functions(net: Netlist, terms: dict[int, int], constant: int, width: int) -> tuple[list[Function], int]:
    """(word, carry) with word + carry = (sum of weight * literal, plus `constant`) mod 2**width: for one bit of the word in
    each LUT of a chain whose other operand, an accumulator, is fed to it directly."""
    plan = best_plan(net, terms, constant, width, accumulate=True)
    words = build(net, plan)
    return row_functions(words, plan.last), _direct(net, _literal(words, plan.last.carry))


def best_plan(net: Netlist, terms: dict[int, int], constant: int, width: int, accumulate: bool) -> Plan:
    units = {literal: net.unit(literal) for literal in terms}
    tried = PLANS if len(terms) <= LARGE else PLANS_OF_LARGE
    plans = [make_plan(terms, units, constant, width, thresholds, accumulate) for thresholds in tried]
    soonest = min(plan.unit for plan in plans)
    in_time = [plan for plan in plans if plan.unit <= soonest + (0 if accumulate else SLACK)]
    return min(in_time, key=lambda plan: (plan.luts, plan.unit))


def build(net: Netlist, plan: Plan) -> list[list[int]]:
    """Add the rows of a plan to the netlist; the literals of each."""
    words: list[list[int]] = []
    for row in plan.rows:
        chain = [_direct(net, _literal(words, bit)) for bit in row.chain]
        words.append(net.adder(chain, row_functions(words, row), _direct(net, _literal(words, row.carry))))
    return words


def _direct(net: Netlist, literal: int) -> int:
    return net.inverter(literal) if literal & 1 and literal > 1 else literal


def row_functions(words: list[list[int]], row: Row) -> list[Function]:
    """The second word of a row, one function for each column."""
    functions: list[Function] = []
    for span, bits in row.groups:
        functions += sum_functions([(_literal(words, bit), bit.weight << offset) for offset, bit in bits], span)
    return functions + [((), 0)] * (len(row.chain) - len(functions))


def _literal(words: list[list[int]], bit: Bit | None) -> int:
    if bit is None:
        return 0
    return bit.source if isinstance(bit.source, int) else words[bit.source[0]][bit.source[1]]


def sum_functions(bits: list[tuple[int, int]], span: int) -> list[Function]:
    """The bits of a sum of weighted literals, as functions of them."""
    literals = tuple(literal for literal, _ in bits)
    tables = [0] * span
    for value in range(1 << len(bits)):
        total = sum(weight for position, (_, weight) in enumerate(bits) if value >> position & 1)
        for position in range(span):
            tables[position] |= (total >> position & 1) << value
    return [(literals, table) for table in tables]


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
