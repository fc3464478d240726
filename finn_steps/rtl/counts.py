"""What a netlist of a generator becomes on an FPGA: LUTs of functions and carry chains, registers, shift-register LUTs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from finn_steps.rtl.netlist import Netlist

SHIFT_REGISTER = 3
"""As many registers in a row, read at the end only, become a LUT (synth_xilinx, xilinx_srl -minlen 3)."""


def netlist_counts(net: Netlist, reads: Iterable[tuple[int, int]], stages: list[int], taps: int = 0) -> Counter:
    """{functions, columns, delays, registers} of all that the `reads` need, each a (literal, stage in which it is read). `taps` as
    in pipeline.Writer.

    functions  LUTs of Boolean functions        columns    LUTs of carry chains
    delays     LUTs used as shift registers     registers  flip-flops
    """
    ages: list[set[int]] = [set() for _ in net.driver]
    for literal, stage in reads:
        if literal > 1:
            ages[literal >> 1].add(stage - stages[net.driver[literal >> 1]])
    counts: Counter = Counter(functions=0, columns=0, delays=0, registers=0)
    for index in reversed(range(len(net.nodes))):
        node = net.nodes[index]
        alive = [bool(ages[node.first + bit]) for bit in range(node.outputs)]
        if not any(alive):
            continue
        if node.kind == "function":
            counts["functions"] += lookup_tables(len(node.b[0][0]))
        elif node.kind == "adder":
            top = max(bit for bit, used in enumerate(alive) if used)
            for a, (inputs, table) in zip(node.a[: top + 1], node.b):
                operands = len({literal >> 1 for literal in (a, *inputs) if literal > 1})
                counts["columns"] += operands > 1 or (operands == 1 and (a & 1 or table & 1))
        for signal in node.reads:
            ages[signal].add(stages[index] - stages[net.driver[signal]])
    if taps:
        chains: list[set[int]] = [set() for _ in range(taps)]
        for node in net.nodes:
            if node.kind == "input":
                chains[node.a[0] % taps] |= {node.a[0] // taps + age for age in ages[node.first]}
                ages[node.first] = set()
        ages += chains
    for read_at in ages[1:]:
        before = 0
        for age in sorted(read_at):
            length = age - before
            counts["delays" if length >= SHIFT_REGISTER else "registers"] += 1 if length >= SHIFT_REGISTER else length
            before = age
    return counts


def lookup_tables(inputs: int) -> int:
    """LUT6 of a function of so many inputs; wider ones use the slices' multiplexers."""
    return 0 if inputs == 0 else 1 if inputs <= 6 else 1 << inputs - 6
