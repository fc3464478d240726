"""Boolean functions of a few inputs as integers: bit i of a table is the function's value where the inputs, the first as
the least significant bit, spell i."""

from __future__ import annotations

from functools import lru_cache


def full(inputs: int) -> int:
    """The table that is 1 everywhere."""
    return (1 << (1 << inputs)) - 1


@lru_cache(maxsize=None)
def variable(index: int, inputs: int) -> int:
    """The table of input `index` among `inputs`."""
    block = full(index) << (1 << index)
    table = 0
    for start in range(0, 1 << inputs, 2 << index):
        table |= block << start
    return table


def cofactors(table: int, index: int, inputs: int) -> tuple[int, int]:
    """The tables over the other inputs, in their order, where input `index` is 0 and where it is 1."""
    size, mask = 1 << index, full(index)
    low = high = 0
    for block in range(1 << inputs - index - 1):
        low |= (table >> 2 * size * block & mask) << size * block
        high |= (table >> (2 * block + 1) * size & mask) << size * block
    return low, high


def complement(name: str) -> str:
    """Of a name, or of a name's complement: Verilog knows no `~~`, though most tools take it."""
    return name[1:] if name.startswith("~") else f"~{name}"


def expression(table: int, names: list[str]) -> str:
    """A SystemVerilog expression over one-bit `names` (some with a ~ before them), by Shannon's expansion from the last name down."""
    if table == 0:
        return "1'b0"
    if table == full(len(names)):
        return "1'b1"
    low, high = cofactors(table, len(names) - 1, len(names))
    name, rest, ones = names[-1], names[:-1], full(len(names) - 1)
    if low == high:
        return expression(low, rest)
    if high == low ^ ones:
        return complement(name) if high == 0 else name if low == 0 else f"({name} ^ {expression(low, rest)})"
    if low == 0:
        return f"({name} & {expression(high, rest)})"
    if high == 0:
        return f"({complement(name)} & {expression(low, rest)})"
    if low == ones:
        return f"({complement(name)} | {expression(high, rest)})"
    if high == ones:
        return f"({name} | {expression(low, rest)})"
    return f"({name} ? {expression(high, rest)} : {expression(low, rest)})"
