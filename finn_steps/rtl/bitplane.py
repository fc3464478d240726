"""Layers folded over the bits of their activations: in each of a few cycles every layer sees one digit of every input.

Cycle by cycle, with the digits from the least significant up, a neuron adds the constant-weight sum of the digits (heap.py) to
its accumulator and shifts it right by a digit; what falls out are the low bits of the full sum. The chain that adds takes
the accumulator directly and looks the heap's last row up in the same LUTs. Negative weights enter as complements, and the
constants that this leaves behind are folded into the accumulator's first value: with A the accumulator, H >= 0 the sum of a
plane, and B = first value, the full sum is B + sum over p of 2**(digits * p) * H_p.

`start` travels along in a shift register: its bits are the phases of all layers, so idle cycles and frames at any distance of
at least `ii` cycles need no further control.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl import activation
from finn_steps.rtl.core import Core
from finn_steps.rtl.heap import compress_to_functions
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import Writer, concatenation, delays, schedule
from finn_steps.rtl.unrolled import encode
from finn_steps.rtl.word import Word


@dataclass(frozen=True)
class Held:
    """A value held for the cycles in which the next layer reads its digits: constant + the unsigned number `bits`, in
    low..high. Where `below` the number is 0 instead, where `above` it is all ones. All literals of one netlist."""

    bits: tuple[int, ...]
    constant: int
    low: int
    high: int
    below: int = 0
    above: int = 0


def bitplane_core(layers: Sequence[SparseLayer], module: str) -> Core:
    """One pipeline for consecutive layers; see Core. Its II is the greatest number of digits of any layer's input."""
    idt = DataType[layers[0].idt]
    width, count = idt.bitwidth(), layers[0].MW
    net = Netlist()
    bits = net.input(width * count)
    signed = idt.signed()
    values = []
    for element in range(count):
        literals = bits[width * element: width * (element + 1)]
        if signed:
            literals[-1] ^= 1
        low = -(1 << width - 1) if signed else 0
        values.append(Held(tuple(literals), low, low, low + (1 << width) - 1))
    sections = [f"    logic [{width * count - 1}:0] held;", "    always_ff @(posedge clk) if (start) held <= x;"]
    bus, visible, ii = "held", 1, 1
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        section = Section(layer, f"l{number}_", net, bus, values, visible, last)
        sections += section.text()
        net, bus, values = section.answers, f"l{number}_r", section.values
        visible, ii = section.captured + 1, max(ii, section.phases)
    literals = [literal for value in values for literal in value.bits]
    writer = _combinational(net, bus, "y_", literals)
    sections += writer.nodes() + [f"    assign y = {concatenation([writer.literal(literal, 0) for literal in literals])};"]
    text = "\n".join([
        "// Generated: layers of constant weights, folded over the bits of their activations.",
        "/* verilator lint_off UNUSEDSIGNAL */",
        "`default_nettype none",
        f"module {module} (",
        "    input  wire logic clk,",
        "    input  wire logic start,",
        f"    input  wire logic [{width * count - 1}:0] x,",
        f"    output logic [{len(literals) - 1}:0] y",
        ");",
        "    // since[k]: a frame started k cycles ago",
        f"    logic [{visible}:0] since;",
        "    assign since[0] = start;",
        f"    always_ff @(posedge clk) since[{visible}:1] <= since[{visible - 1}:0];",
        *sections,
        "endmodule",
        "`default_nettype wire",
        "",
    ])
    return Core(module, text, visible, ii, width * count, len(literals))


def _combinational(net: Netlist, bus: str, prefix: str, outputs: list[int]) -> Writer:
    stages = [0] * len(net.nodes)
    return Writer(net, stages, delays(net, outputs, stages, 0), bus, prefix)


def _limited(writer: Writer, value: Held, bit: str) -> str:
    """A bit of a value: 0 where it is below its range, 1 where it is above."""
    if value.below > 1:
        bit = f"({bit} & ~{writer.literal(value.below, 0)})"
    if value.above > 1:
        bit = f"({bit} | {writer.literal(value.above, 0)})"
    return bit


class Section:
    """One layer: which cycles it works in (relative to `start`), its accumulators and the text.

    visible     the first cycle in which its inputs are held
    captured    the cycle at whose end the answers are captured
    phases      cycles in which it takes digits
    answers     netlist over the captured bits `<prefix>r`; values: the answers, literals of it
    """

    def __init__(self, layer: SparseLayer, prefix: str, net: Netlist, bus: str, values: list[Held], visible: int, last: bool):
        self.layer, self.prefix, self.net, self.bus, self.inputs = layer, prefix, net, bus, values
        self.digits, self.visible, self.last = layer.folding.digits, visible, last
        self.phases = max([-(-len(value.bits) // self.digits) for value in values] + [1])
        self.planes = Netlist()
        self.plane_bits = self.planes.input(self.digits * len(values))
        self.accumulators = [_Accumulator(self, row) for row in range(layer.MH)]
        every = layer.folding.registers_every
        reads = [literal for acc in self.accumulators for literal in acc.reads]
        self.depth = max([self.planes.unit(literal) // every for literal in reads] + [0])
        self.stages = schedule(self.planes, every)
        self.ages = delays(self.planes, reads, self.stages, self.depth)
        self.adds = visible + 1 + self.depth
        self.captured = self.adds + self.phases - 1
        self.answers = Netlist()
        bits = self.answers.input(sum(acc.kept for acc in self.accumulators))
        self.values = []
        for acc in self.accumulators:
            self.values.append(acc.value(self.answers, bits[:acc.kept], last))
            bits = bits[acc.kept:]

    def text(self) -> list[str]:
        """The declarations and statements of the layer."""
        prefix = self.prefix
        writer = Writer(self.planes, self.stages, self.ages, f"{prefix}p", f"{prefix}n")
        lines = [f"    // {self.layer.name}: {self.phases} digits from cycle {self.visible}, captured in {self.captured}"]
        lines += self._digits()
        lines += writer.nodes()
        for acc in self.accumulators:
            lines += acc.text(writer)
        kept = [bit for acc in self.accumulators for bit in acc.capture()]
        if kept:
            lines += [f"    logic [{len(kept) - 1}:0] {prefix}r;",
                      f"    always_ff @(posedge clk) if (since[{self.captured}]) {prefix}r <= {concatenation(kept)};"]
        lines += ["    always_ff @(posedge clk) begin", *writer.all_registers(), "    end"] if writer.all_registers() else []
        return lines

    def _digits(self) -> list[str]:
        """The registers of the digits that the layer takes in a cycle: a multiplexer over the phases for each."""
        prefix, phases, used = self.prefix, self.phases, {literal >> 1 for literal in self.plane_bits}
        used = {signal for signal in used if self.ages[signal] is not None}
        literals = [literal for value in self.inputs for literal in (*value.bits, value.below, value.above)]
        writer = _combinational(self.net, self.bus, f"{prefix}f", literals)
        lines = writer.nodes() + [f"    logic [{self.digits * len(self.inputs) - 1}:0] {prefix}p;"]
        if phases > 1:
            size = (phases - 1).bit_length()
            ones = [[f"since[{self.visible - 1 + phase}]" for phase in range(phases) if phase >> bit & 1] for bit in range(size)]
            lines += [f"    logic [{size - 1}:0] {prefix}phase;",
                      f"    always_ff @(posedge clk) {prefix}phase <= {concatenation([' | '.join(terms) for terms in ones])};"]
        assignments = []
        for element, value in enumerate(self.inputs):
            for digit in range(self.digits):
                position = element * self.digits + digit
                if self.plane_bits[position] >> 1 not in used:
                    continue
                choices = [writer.literal(literal, 0) for literal in value.bits[digit::self.digits]]
                absent = phases - len(choices)
                if absent:
                    choices = [_limited(writer, value, choice) for choice in choices] + ["1'b0"] * absent
                name = f"{prefix}m{position}"
                lines += [f"    wire [{phases - 1}:0] {name} = {concatenation(choices)};"]
                chosen = f"{name}[{prefix}phase]" if phases > 1 else name
                if not absent:
                    chosen = _limited(writer, value, chosen)
                assignments.append(f"        {prefix}p[{position}] <= {chosen};")
        return lines + ["    always_ff @(posedge clk) begin", *assignments, "    end"]


class _Accumulator:
    """One neuron: what its accumulator starts from, how wide it is, which columns are kept, and what they mean.

    The full sum, `acc`, is origin + first + sum of 2**(digits * phase) * plane sum; the register starts from `first`.
    """

    def __init__(self, layer: Section, row: int):
        self.layer, self.row = layer, row
        sparse, digits, phases = layer.layer, layer.digits, layer.phases
        weights = sparse.weights[row].tolist()
        self.low = self.high = constant = int(sparse.bias[row])
        terms: dict[int, int] = {}
        for element, (weight, value) in enumerate(zip(weights, layer.inputs)):
            if weight == 0:
                continue
            constant += weight * value.constant
            self.low += min(weight * value.low, weight * value.high)
            self.high += max(weight * value.low, weight * value.high)
            for digit in range(digits if value.bits else 0):
                if len(value.bits) > digit:
                    terms[layer.plane_bits[element * digits + digit]] = weight << digit
        negative = -sum(weight for weight in terms.values() if weight < 0)
        greatest = sum(abs(weight) for weight in terms.values())
        least = constant - negative * sum(1 << digits * phase for phase in range(phases))
        self._choose_origin(least)
        self.first = least - self.origin
        value, widest = self.first, self.first + greatest
        for _ in range(phases):
            widest = max(widest, value + greatest)
            value = value + greatest >> digits
        self.width = max(widest.bit_length(), 1)
        self.functions, self.carry = compress_to_functions(layer.planes, terms, negative, self.width)
        total = self.first + greatest * sum(1 << digits * phase for phase in range(phases))
        self.top = min(total.bit_length(), self.modulus) if self.modulus else total.bit_length()
        self.dropped = digits * (phases - 1)
        below = max(0, self.dropped - self.shift)
        self.tail = -(-below // digits) * digits if self.kept else 0

    def _choose_origin(self, least: int) -> None:
        """Set origin, shift (columns below it decide nothing), modulus, thresholds in units of the shift, and window."""
        sparse, row = self.layer.layer, self.row
        self.modulus, self.window, self.thresholds, self.always = 0, False, [], 0
        if sparse.thresholds is None:
            size = max((-self.low - 1 if self.low < 0 else 0).bit_length(), self.high.bit_length(), 1) + (self.low < 0)
            self.modulus, self.shift = size, 0
            self.origin = least >> size << size
            return
        all_thresholds = [int(t) for t in sparse.thresholds[row]]
        self.always, reachable = activation.reachable(all_thresholds, self.low, self.high)
        if not reachable:
            self.origin, self.shift = least, 0
            return
        levels = len(all_thresholds) + 1
        steps = {b - a for a, b in zip(all_thresholds, all_thresholds[1:])}
        step = steps.pop() if len(steps) == 1 else 0
        if levels > 2 and step and step & step - 1 == 0 and levels & levels - 1 == 0:
            self.shift, self.window, self.always, reachable = step.bit_length() - 1, True, 0, all_thresholds
            zero = all_thresholds[0] - step
            self.origin = zero + (least - zero) // (step * levels) * (step * levels)
        else:
            self.activation = activation.choose(reachable, least, self.high)
            self.origin, self.shift = self.activation.origin, self.activation.shift
        self.thresholds = [t - self.origin >> self.shift for t in reachable]

    @property
    def kept(self) -> int:
        """Bits of the sum that are captured: the columns from `shift` to `top`."""
        if self.layer.layer.thresholds is not None and not self.thresholds:
            return 0
        return max(0, self.top - self.shift)

    @property
    def reads(self) -> list[int]:
        """The literals that the last row of the heap looks up."""
        return [literal for inputs, _ in self.functions for literal in inputs] + [self.carry] if self.kept else []

    def text(self, writer: Writer) -> list[str]:
        """The accumulator's register, its adder and the register of low bits that are still wanted."""
        if not self.kept:
            return []
        prefix, digits, depth, row = self.layer.prefix, self.layer.digits, self.layer.depth, self.row
        acc, total, tail = f"{prefix}a{row}", f"{prefix}s{row}", f"{prefix}t{row}"
        complements = [writer.complement(function, depth) for function in self.functions]
        size, carry, no_carry = self.width, writer.literal(self.carry, depth), writer.literal(self.carry ^ 1, depth)
        lines = []
        if self.layer.phases == 1:
            chain = f"{size}'d{self.first}"
        else:
            shifted = f"{{{digits}'d0, {total}[{size - 1}:{digits}]}}" if size > digits else f"{size}'d0"
            lines += [f"    logic [{size - 1}:0] {acc};",
                      f"    always_ff @(posedge clk) {acc} <= since[{self.layer.adds - 1}] ? {size}'d{self.first} : {shifted};"]
            chain = acc
        lines.append(f"    logic [{size - 1}:0] {total};")
        if self.carry == 1:
            lines.append(f"    assign {total} = {chain}\n        - {concatenation(complements)};")
        else:
            lines += [f"    logic {total}_carry;",
                      f"    assign {{{total}, {total}_carry}} = {{{chain}, {carry}}}",
                      f"        - {concatenation([no_carry, *complements])};"]
        if self.tail:
            shifted = f"{total}[{digits - 1}:0]"
            if self.tail > digits:
                shifted = f"{{{shifted}, {tail}[{self.tail - 1}:{digits}]}}"
            lines += [f"    logic [{self.tail - 1}:0] {tail};", f"    always_ff @(posedge clk) {tail} <= {shifted};"]
        return lines

    def capture(self) -> list[str]:
        """The names of the kept bits in the cycle of the last digit."""
        prefix, row, names = self.layer.prefix, self.row, []
        for column in range(self.shift, self.shift + self.kept):
            offset = column - self.dropped
            if offset >= self.width:
                names.append("1'b0")
            else:
                names.append(f"{prefix}s{row}[{offset}]" if offset >= 0 else f"{prefix}t{row}[{self.tail + offset}]")
        return names

    def value(self, net: Netlist, bits: list[int], last: bool) -> Held:
        """What the captured bits mean; for the `last` layer, the bits of its output datatype."""
        sparse = self.layer.layer
        odt = DataType[sparse.odt]
        if sparse.thresholds is None:
            bits = bits + [0] * (self.modulus - len(bits))
            if last:
                return Held(tuple(encode(net, Word.binary(bits, self.low < 0), sparse.odt)), 0, self.low, self.high)
            if self.low < 0:
                return Held((*bits[:-1], bits[-1] ^ 1), -(1 << self.modulus - 1), self.low, self.high)
            return Held(tuple(bits), 0, self.low, self.high)
        step = 2 if sparse.odt == "BIPOLAR" else 1
        least = int(odt.min()) + step * self.always
        count = len(self.thresholds)
        if self.window:
            size = count.bit_length()
            home = self.thresholds[0] - 1 >> size
            upper = bits[size:]
            below = net.function(upper, sum(1 << value for value in range(min(home, 1 << len(upper)))))
            above = net.function(upper, sum(1 << value for value in range(home + 1, 1 << len(upper))))
            held = Held(tuple((bits + [0] * size)[:size]), least, least, least + count, below, above)
            if not last:
                return held
            reached = [net.function([bit, below, above], 0b11110010) for bit in held.bits]
        elif not self.thresholds:
            reached = []
        else:
            bits = [0] * self.shift + bits
            reached = self.activation.apply(net, bits + [0] * (self.activation.width - len(bits)))
        if last:
            word = Word(tuple((bit, step << i) for i, bit in enumerate(reached)), least, least, least + step * count)
            return Held(tuple(encode(net, word, sparse.odt)), 0, 0, 0)
        return Held(tuple(reached), least, least, least + count)
