"""Sums of many weighted bits, compressed to one word by rows of carry chains whose every LUT also looks up a table.

A bit of a carry chain adds a bit A, fed to the chain directly, to a function of up to five other bits: one LUT6. A row
therefore adds to its word A a second word made of *groups*: up to five bits whose weighted sum fits the columns of the group.
Three bits of a column and two of the next fill three columns, so a row takes 8/3 digits (and its carry-in) for every digit it
gives: 0.6 LUT for each digit that disappears, where adding two words costs 1. Bits of weight 3 or 5 count as two digits.
Rows are chosen greedily, those that remove most digits for their length first, until one row can take all that is left;
heap_planner.cpp plans this several ways and takes the cheapest of those that are done at most one row after the first (an
accumulator's, not after: a layer waits for its slowest).
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from finn_steps.rtl.netlist import Function, Netlist
from finn_steps.tools.compile import shared_library

PLANNER = Path(__file__).with_name("heap_planner.cpp")
ROOM = 512
"""Numbers that nearly every plan is told in."""
FLAGS = ["-O1", "-std=c++17", "-ffp-contract=off"]
Source = tuple[int, int]
"""A bit to add: (-1, a literal), or (a row of the plan, a bit of its word)."""


@dataclass(frozen=True)
class Row:
    """A carry chain: for each column a bit, in front of groups (columns, [(bit, weight)]) that are looked up beside it, and a carry."""

    chain: list[Source]
    groups: list[tuple[int, list[tuple[Source, int]]]]
    carry: Source


@dataclass(frozen=True)
class Plan:
    """Rows in order, and what is left: the result, or the row (`last`) that an accumulator looks up and carries in."""

    luts: int
    rows: list[Row]
    result: list[Source]
    last: Row | None


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


def compress(net: Netlist, terms: dict[int, int], constant: int, width: int, either: bool = False) -> list[int]:
    """Literals, least significant first, of (sum of weight * literal over `terms`, plus `constant`) mod 2**width. With `either`
    they may be complements of signals: where most weights are negative, the complement, -1 - sum, has more bits for chains."""
    if either and sum(weight > 0 for weight in terms.values()) * 2 < len(terms):
        complement = compress(net, {literal: -weight for literal, weight in terms.items()}, -1 - constant, width)
        return [literal ^ 1 for literal in complement]
    if constant == 0 and (wires := one_in_each_column(terms, width)):
        return wires
    plan = best_plan(net, terms, constant, width, accumulate=False)
    words = build(net, plan)
    return [_literal(words, bit) for bit in plan.result]


def one_in_each_column(terms: dict[int, int], width: int) -> list[int] | None:
    """The sum of bits of which no column has two, and none is negative but in the highest, where that is the same: wires."""
    places = {abs(weight): literal for literal, weight in terms.items() if weight > 0 or weight == -1 << width - 1}
    if len(places) < len(terms) or any(weight & weight - 1 or weight >= 1 << width for weight in places):
        return None
    return [places.get(1 << column, 0) for column in range(width)]


def compress_to_functions(net: Netlist, terms: dict[int, int], constant: int, width: int) -> tuple[list[Function], int]:
    """(word, carry) with word + carry = (sum of weight * literal, plus `constant`) mod 2**width: for one bit of the word in
    each LUT of a chain whose other operand, an accumulator, is fed to it directly."""
    plan = best_plan(net, terms, constant, width, accumulate=True)
    words = build(net, plan)
    return row_functions(words, plan.last), _direct(net, _literal(words, plan.last.carry))


def best_plan(net: Netlist, terms: dict[int, int], constant: int, width: int, accumulate: bool) -> Plan:
    """The plan for (sum of weight * literal over `terms`, plus `constant`) mod 2**width; `accumulate`: all ends in its `last` row."""
    literals = sorted(terms)
    columns = [array("q", column) for column in
               (literals, [terms[literal] for literal in literals], [net.unit(literal) for literal in literals])]
    given = [*(column.buffer_info()[0] for column in columns), len(literals), constant & (1 << width) - 1, width, accumulate]
    told = array("q", bytes(8 * ROOM))
    needed = _planner()(*given, told.buffer_info()[0], len(told))
    if needed > len(told):
        told = array("q", bytes(8 * needed))
        _planner()(*given, told.buffer_info()[0], needed)
    return _plan(iter(told), width, accumulate)


def prepare() -> None:
    """Compile heap_planner.cpp, once on a machine."""
    _planner()


@lru_cache(maxsize=1)
def _planner():
    function = ctypes.CDLL(str(shared_library([PLANNER], FLAGS))).plan_heap
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    function.argtypes, function.restype = [*[pointer] * 3, number, ctypes.c_uint64, number, number, pointer, number], number
    return function


def _plan(told: Iterator[int], width: int, accumulate: bool) -> Plan:
    """What heap_planner.cpp tells: the LUTs, the number of rows, each row, then the last row or the bits of the result."""
    luts, count = next(told), next(told)
    rows = [_row(told) for _ in range(count)]
    if accumulate:
        return Plan(luts, rows, [], _row(told))
    return Plan(luts, rows, [(next(told), next(told)) for _ in range(width)], None)


def _row(told: Iterator[int]) -> Row:
    chain = [(next(told), next(told)) for _ in range(next(told))]
    groups = []
    for _ in range(next(told)):
        span, count = next(told), next(told)
        groups.append((span, [((next(told), next(told)), next(told)) for _ in range(count)]))
    return Row(chain, groups, (next(told), next(told)))


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
        functions += sum_functions([(_literal(words, source), weight) for source, weight in bits], span)
    return functions + [((), 0)] * (len(row.chain) - len(functions))


def _literal(words: list[list[int]], source: Source) -> int:
    row, place = source
    return place if row < 0 else words[row][place]


def sum_functions(bits: list[tuple[int, int]], span: int) -> list[Function]:
    """The bits of a sum of weighted literals, as functions of them."""
    return [(tuple(literal for literal, _ in bits), table) for table in _sum_tables(tuple(weight for _, weight in bits), span)]


@lru_cache(maxsize=1 << 14)
def _sum_tables(weights: tuple[int, ...], span: int) -> list[int]:
    tables = [0] * span
    for value in range(1 << len(weights)):
        total = sum(weight for position, weight in enumerate(weights) if value >> position & 1)
        for position in range(span):
            tables[position] |= (total >> position & 1) << value
    return tables
