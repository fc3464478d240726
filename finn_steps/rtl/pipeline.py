"""Writes a netlist as a free-running SystemVerilog pipeline: places nodes in stages, and delays what later stages need."""

from __future__ import annotations

import re
from collections.abc import Sequence

from finn_steps.rtl import truth_table
from finn_steps.rtl.core import Core
from finn_steps.rtl.counts import netlist_counts
from finn_steps.rtl.netlist import Function, Netlist, Node
from finn_steps.rtl.retiming import retimed

WIDTH = 120
BIT = re.compile(r"(\w+)\[(\d+)\]")
WIDE = 8
"""A netlist that has a function of so many inputs has hundreds of them: an expression may name each input a hundred times, and
simulators compile for minutes. There, functions are written as constant tables."""
TABLED, MANY = 5, 3500
"""Inputs from which on a function is a table there, and in a netlist that has so MANY of these: Verilator, g++ and what reads the netlist for
the proof take half the time. (Yosys' counts differ by a per cent or two either way: 7,655 LUT of an 8-bit 16-32-5 as expressions, 7,656 as
tables; jet_qap_small 1,130 and 1,148. Small netlists are soon read.)"""
CLOCKED = 16_384
"""Assignments of one always_ff block at most: Yosys' proc_dff takes time by their square (0.16 s for a thousand, 40 s for so many). Other
blocks change counts by a per cent either way, as other names do (jet_qap_small cut into eleven: 1,057 LUT, in one 1,065), so that only
large designs have several."""


def pipeline(
    net: Netlist, outputs: list[int], module: str, input_bits: int, registers_every: int, tabled: bool = False,
    parts: Sequence[tuple[str, int]] = (),
) -> Core:
    """A Core whose y[i] is the literal outputs[i]; `registers_every` nodes in series between two registers, at most. `tabled`: write
    functions as constant tables, however few inputs they have (WIDE). `parts`: names and how many nodes there are up to their end; a
    comment tells which signals are whose."""
    stages = retimed(net, outputs, registers_every)
    last = max((stages[net.driver[literal >> 1]] for literal in outputs if literal > 1), default=0)
    ages = delays(net, outputs, stages, last)
    writer = Writer(net, stages, ages)
    writer.tabled |= tabled
    answer = concatenation([writer.literal(literal, last) for literal in outputs])
    text = "\n".join([
        "// Generated: a free-running pipeline of constant weights.",
        "// Weights that are constant leave inputs, and bits of sums, that nothing reads.",
        "/* verilator lint_off UNUSEDSIGNAL */",
        "`default_nettype none",
        f"module {module} (",
        "    input  wire logic clk,",
        f"    input  wire logic [{input_bits - 1}:0] x,",
        f"    output logic [{len(outputs) - 1}:0] y",
        ");",
        *whose(parts),
        *writer.nodes(),
        *clocked([*writer.all_registers(), f"        y <= {answer};"]),
        "endmodule",
        "`default_nettype wire",
        "",
    ])
    depth = max([net.unit(literal) for literal in outputs] + [0])
    counts = netlist_counts(net, [(literal, last + 1) for literal in outputs], stages)
    return Core(module, text, last + 1, 1, input_bits, len(outputs), depth, dict(counts))


def whose(parts: Sequence[tuple[str, int]]) -> list[str]:
    """A comment for each part that has nodes."""
    starts = [0, *(end for _, end in parts)]
    return [f"    // {name}: n{start} to n{end - 1}" for (name, end), start in zip(parts, starts) if end > start]


def delays(net: Netlist, outputs: list[int], stages: list[int], last: int) -> list[int | None]:
    """For each signal, the number of stages it must outlive its own; None where nothing reads it."""
    ages: list[int | None] = [None] * len(net.driver)
    for literal in outputs:
        if literal > 1:
            ages[literal >> 1] = last - stages[net.driver[literal >> 1]]
    for index in reversed(range(len(net.nodes))):
        node = net.nodes[index]
        if all(ages[node.first + bit] is None for bit in range(node.outputs)):
            continue
        for bit in range(node.outputs):
            ages[node.first + bit] = ages[node.first + bit] or 0
        for signal in node.reads:
            ages[signal] = max(ages[signal] or 0, stages[index] - stages[net.driver[signal]])
    return ages


class Writer:
    """Names and statements of a scheduled netlist. Input i is `bus`[i]; another signal is a bit of `<prefix><node>`, and k
    stages later of `<prefix><node>_<k>`. With `taps`, the bus holds earlier inputs too: i of k stages before is `bus`[i + k * taps].

    An adder is written as the subtraction of its second word's complement: a + b + carry = {a, carry} - {~b, ~carry} without the
    lowest bit. Of a sum Yosys may feed either word to the carry chain directly (alumacc orders them by name); of a difference it is
    the first, so that the functions of the second share their LUTs with the chain: a third of the LUTs of a net.
    """

    def __init__(self, net: Netlist, stages: list[int], ages: list[int | None], bus: str = "x", prefix: str = "n", taps: int = 0):
        self.net, self.stages, self.ages, self.bus, self.prefix, self.taps = net, stages, ages, bus, prefix, taps
        sizes = [len(inputs) for node in net.nodes for inputs, _ in node.b]
        self.tabled = sum(size >= TABLED for size in sizes) >= MANY or max(sizes, default=0) >= WIDE
        self.declared: set[str] = set()

    def nodes(self) -> list[str]:
        """Declarations and continuous assignments of all that something reads."""
        alive = [index for index, node in enumerate(self.net.nodes) if self.ages[node.first] is not None]
        return [line for index in alive for line in self.node(index)]

    def all_registers(self) -> list[str]:
        """The assignments of an always_ff block."""
        return [line for index in range(len(self.net.nodes)) for line in self.registers(index)]

    def literal(self, literal: int, stage: int) -> str:
        if literal <= 1:
            return f"1'b{literal}"
        index = self.net.driver[literal >> 1]
        name = self._signal(self.net.nodes[index], index, literal >> 1, stage - self.stages[index])
        return f"~{name}" if literal & 1 else name

    def _signal(self, node: Node, index: int, signal: int, age: int) -> str:
        name = f"{self.prefix}{index}"
        if node.kind == "input" and (age == 0 or self.taps):
            return f"{self.bus}[{node.a[0] + age * self.taps}]"
        if age == 0:
            return name if node.kind == "function" else f"{name}[{signal - node.first + (node.carry != 1)}]"
        alive = self._alive(node, age)
        return f"{name}_{age}" + (f"[{alive.index(signal)}]" if len(alive) > 1 else "")

    def _alive(self, node: Node, age: int) -> list[int]:
        if node.kind == "input" and self.taps:
            return []
        return [s for s in range(node.first, node.first + node.outputs) if (self.ages[s] or 0) >= age]

    def node(self, index: int) -> list[str]:
        """The declarations of a node and the statement that computes it."""
        node, stage, name = self.net.nodes[index], self.stages[index], f"{self.prefix}{index}"
        lines = []
        if node.kind == "function":
            lines.append(f"    logic {name};")
            lines.append(f"    assign {name} = {self.function(node.b[0], stage, lines)};")
        elif node.kind == "adder":
            a = [self.literal(literal, stage) for literal in node.a]
            b = [self.complement(function, stage, lines) for function in node.b]
            if node.carry != 1:
                a, b = [self.literal(node.carry, stage)] + a, [self.literal(node.carry ^ 1, stage)] + b
            lines.append(f"    logic [{len(a) - 1}:0] {name};")
            lines.append(f"    assign {name} = {concatenation(a)}\n        - {concatenation(b)};")
        age = 1
        while alive := self._alive(node, age):
            size = f"[{len(alive) - 1}:0] " if len(alive) > 1 else ""
            lines.append(f"    logic {size}{name}_{age};")
            age += 1
        return lines

    def function(self, function: Function, stage: int, lines: list[str] | None = None) -> str:
        """The expression of a function whose inputs are read in `stage`; with `lines`, it may be a table declared there."""
        inputs, table = function
        names = [self.literal(literal, stage) for literal in inputs]
        if lines is None or not self.tabled or len(inputs) < TABLED:
            return truth_table.expression(table, names)
        size = 1 << len(inputs)
        constant = f"{self.prefix}t{len(inputs)}_{table:x}"
        if constant not in self.declared:
            self.declared.add(constant)
            lines.append(f"    localparam logic [{size - 1}:0] {constant} = {size}'h{table:x};")
        return f"{constant}[{concatenation(names)}]"

    def complement(self, function: Function, stage: int, lines: list[str] | None = None) -> str:
        """The expression of a function's complement."""
        inputs, table = function
        return self.function((inputs, table ^ truth_table.full(len(inputs))), stage, lines)

    def registers(self, index: int) -> list[str]:
        """The assignments of a node's delayed bits."""
        node, lines, age = self.net.nodes[index], [], 1
        while alive := self._alive(node, age):
            source = concatenation([self._signal(node, index, signal, age - 1) for signal in alive])
            lines.append(f"        {self.prefix}{index}_{age} <= {source};")
            age += 1
        return lines


def clocked(assignments: list[str]) -> list[str]:
    """The assignments in always_ff blocks of at most CLOCKED."""
    found = []
    for start in range(0, len(assignments), CLOCKED):
        found += ["    always_ff @(posedge clk) begin", *assignments[start: start + CLOCKED], "    end"]
    return found


def concatenation(bits: list[str]) -> str:
    """{bits}, the first as the least significant, broken into lines; neighbouring bits of a word are a part of it."""
    parts = slices(bits)
    if len(parts) == 1:
        return parts[0]
    lines, line = [], ""
    for bit in reversed(parts):
        if line and len(line) + len(bit) > WIDTH:
            lines.append(line)
            line = ""
        line += f"{bit}, "
    lines.append(line[:-2])
    return "{" + "\n            ".join(lines) + "}"


def slices(bits: list[str]) -> list[str]:
    """The same bits, runs word[i], word[i + 1], ... of them as word[k:i]."""
    found: list[tuple[str, int, int]] = []
    for bit in bits:
        word, place = (match[1], int(match[2])) if (match := BIT.fullmatch(bit)) else (bit, -1)
        if found and place > 0 and found[-1][0] == word and found[-1][2] == place - 1:
            found[-1] = (word, found[-1][1], place)
        else:
            found.append((word, place, place))
    return [word if low < 0 else f"{word}[{low}]" if low == high else f"{word}[{high}:{low}]" for word, low, high in found]
