"""Layers folded over the bits of their activations: in each of a few cycles every layer sees one digit of every input.

Cycle by cycle, with the digits from the least significant up, a neuron adds the constant-weight sum of the digits (heap.py) to
its accumulator and shifts it right by a digit; what falls out are the low bits of the full sum. The chain that adds takes
the accumulator directly and looks the heap's last row up in the same LUTs. Negative weights enter as complements, and the
constants that this leaves behind are folded into the accumulator's first value: with A the accumulator, H >= 0 the sum of a
plane, and B = first value, the full sum is B + sum over p of 2**(digits * p) * H_p.

A `serial` layer takes digits of one bit, and older ones beside the newest (serial.py): its rows go on for some cycles after the last
digit was read, in which zeros are read.

`start` travels along in a shift register: its bits are the phases of all layers, so idle cycles and frames at any distance of
at least `ii` cycles need no further control.
"""

from __future__ import annotations

from typing import Sequence

from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.answer import Held, answer_of
from finn_steps.rtl.core import Core
from finn_steps.rtl.heap import compress_to_functions
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import Writer, clocked, concatenation, delays
from finn_steps.rtl.retiming import retimed
from finn_steps.rtl.serial import RowTerms, row_terms


def bitplane_core(layers: Sequence[SparseLayer], module: str) -> Core:
    """One pipeline for consecutive layers of style bitplane or serial; see Core. Its II is the greatest number of cycles that a
    layer adds in: the digits of its input, and the delay of its rows."""
    width, count = DataType[layers[0].idt].bitwidth(), layers[0].MW
    net = Netlist()
    values = held_inputs(net, layers[0])
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
        "// Weights that are constant leave inputs, and bits of sums, that nothing reads.",
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


def held_inputs(net: Netlist, layer: SparseLayer) -> list[Held]:
    """The inputs of a core's first layer, from the bits of a frame in its datatype, which are the inputs of `net`."""
    width = DataType[layer.idt].bitwidth()
    bits = net.input(width * layer.MW)
    return [Held.input(bits[width * element: width * (element + 1)], low, high)
            for element, (low, high) in enumerate(zip(layer.input_low.tolist(), layer.input_high.tolist()))]


def _combinational(net: Netlist, bus: str, prefix: str, outputs: list[int]) -> Writer:
    stages = [0] * len(net.nodes)
    return Writer(net, stages, delays(net, outputs, stages, 0), bus, prefix)


def _limited(writer: Writer, value: Held, bit: str) -> str:
    """A bit of a value: 0 where it is below its range, 1 where it is above."""
    if value.below > 1:
        bit = f"({bit} & {writer.literal(value.below ^ 1, 0)})"
    if value.above > 1:
        bit = f"({bit} | {writer.literal(value.above, 0)})"
    return bit


class Section:
    """One layer: which cycles it works in (relative to `start`), its accumulators and the text.

    visible     the first cycle in which its inputs are held
    reading     cycles in which it reads digits, `width` bits a cycle of all its inputs together
    phases      cycles in which it adds: `delay` more, in which rows take digits that were read before
    captured    the cycle at whose end the answers are captured
    planes      netlist over the digits; the accumulators read its literals `depth` stages after the digits
    answers     netlist over the captured bits `<prefix>r`; values: the answers, literals of it
    """

    def __init__(self, layer: SparseLayer, prefix: str, net: Netlist, bus: str, values: list[Held], visible: int, last: bool):
        self.layer, self.prefix, self.net, self.bus, self.inputs = layer, prefix, net, bus, values
        serial = layer.folding.style == "serial"
        self.digits, self.visible, self.last = 1 if serial else layer.folding.digits, visible, last
        self.reading = max([-(-len(value.bits) // self.digits) for value in values] + [1])
        room = layer.folding.max_cycles - self.reading if serial else 0
        rows = [row_terms(tuple(row), room) for row in layer.weights.tolist()]
        self.delay = max(row.delay for row in rows)
        self.phases = self.reading + self.delay
        self.planes = Netlist()
        self.width = self.digits * len(values)
        self.plane_bits = self.planes.input(self.width * (self.delay + 1))
        self.accumulators = [_Accumulator(self, row, entering) for row, entering in enumerate(rows)]
        every = layer.folding.registers_every
        reads = [literal for acc in self.accumulators for literal in acc.reads]
        self.depth = max([self.planes.unit(literal) // every for literal in reads] + [0])
        self.stages = retimed(self.planes, reads, every, self.depth)
        self.ages = delays(self.planes, reads, self.stages, self.depth)
        self.adds = visible + 1 + self.depth
        self.captured = self.adds + self.phases - 1
        self.answers = Netlist()
        bits = self.answers.input(sum(acc.kept for acc in self.accumulators))
        self.values = []
        for acc in self.accumulators:
            self.values.append(acc.answer.value(self.answers, bits[:acc.kept], last))
            bits = bits[acc.kept:]

    def plane_bit(self, element: int, digit: int, age: int) -> int:
        """The literal of a bit of the digit of an element that was read `age` cycles before the newest."""
        return self.plane_bits[element * self.digits + digit + age * self.width]

    def oldest(self) -> dict[tuple[int, int], int]:
        """(element, digit) -> the greatest age in which it is read, of all that are."""
        found: dict[tuple[int, int], int] = {}
        for element in range(len(self.inputs)):
            for digit in range(self.digits):
                ages = [self.ages[self.plane_bit(element, digit, age) >> 1] for age in range(self.delay + 1)]
                if any(later is not None for later in ages):
                    found[element, digit] = max(age + later for age, later in enumerate(ages) if later is not None)
        return found

    def text(self) -> list[str]:
        """The declarations and statements of the layer."""
        prefix = self.prefix
        writer = Writer(self.planes, self.stages, self.ages, f"{prefix}p", f"{prefix}n", self.width)
        lines = [f"    // {self.layer.name}: read in {self.reading} cycles from {self.visible}, added in {self.phases}, captured in "
                 f"{self.captured}"]
        lines += self._digits()
        lines += writer.nodes()
        for acc in self.accumulators:
            lines += acc.text(writer)
        kept = [bit for acc in self.accumulators for bit in acc.capture()]
        if kept:
            lines += [f"    logic [{len(kept) - 1}:0] {prefix}r;",
                      f"    always_ff @(posedge clk) if (since[{self.captured}]) {prefix}r <= {concatenation(kept)};"]
        return lines + clocked(writer.all_registers())

    def _digits(self) -> list[str]:
        """The registers of the digits that the layer takes in a cycle: a multiplexer over the cycles of reading for each, and a
        shift register behind it."""
        prefix, reading, count, oldest = self.prefix, self.reading, self.width, self.oldest()
        literals = [literal for value in self.inputs for literal in (*value.bits, value.below, value.above)]
        writer = _combinational(self.net, self.bus, f"{prefix}f", literals)
        lines = writer.nodes() + [f"    logic [{count * (1 + max(oldest.values(), default=0)) - 1}:0] {prefix}p;"]
        pulses = [f"since[{self.visible - 1 + phase}]" for phase in range(reading)]
        if reading > 1:
            size = (reading - 1).bit_length()
            ones = [[pulse for phase, pulse in enumerate(pulses) if phase >> bit & 1] for bit in range(size)]
            lines += [f"    logic [{size - 1}:0] {prefix}phase;",
                      f"    always_ff @(posedge clk) {prefix}phase <= {concatenation([' | '.join(terms) for terms in ones])};"]
        if self.delay:
            lines += [f"    logic {prefix}read;", f"    always_ff @(posedge clk) {prefix}read <= {' | '.join(pulses)};"]
        assignments = []
        for (element, digit), last in oldest.items():
            value, position = self.inputs[element], element * self.digits + digit
            choices = [writer.literal(literal, 0) for literal in value.bits[digit::self.digits]]
            absent = reading - len(choices)
            if absent:
                choices = [_limited(writer, value, choice) for choice in choices] + ["1'b0"] * absent
            name = f"{prefix}m{position}"
            lines += [f"    wire [{reading - 1}:0] {name} = {concatenation(choices)};"]
            chosen = f"{name}[{prefix}phase]" if reading > 1 else name
            if not absent:
                chosen = _limited(writer, value, chosen)
            if self.delay:
                chosen = f"{prefix}read ? {chosen} : 1'b0"
            assignments.append(f"        {prefix}p[{position}] <= {chosen};")
            assignments += [f"        {prefix}p[{position + count * age}] <= {prefix}p[{position + count * (age - 1)}];"
                            for age in range(1, last + 1)]
        return lines + clocked(assignments)


class _Accumulator:
    """One neuron: what its accumulator starts from, and how wide it is. The `kept` bits of its sum are for `answer`.

    The full sum less the answer's origin, times 2**delay, is first + sum of 2**(digits * phase) * plane sum, but for what is beyond
    the answer's top; the register starts from `first`. Rows of less delay than the layer's start later.
    """

    def __init__(self, layer: Section, row: int, entering: RowTerms):
        self.layer, self.row, self.phases = layer, row, layer.reading + entering.delay
        sparse, digits, phases, delay = layer.layer, layer.digits, self.phases, entering.delay
        weights = sparse.weights[row].tolist()
        low = high = constant = int(sparse.bias[row])
        for weight, value in zip(weights, layer.inputs):
            constant += weight * value.constant
            low += min(weight * value.low, weight * value.high)
            high += max(weight * value.low, weight * value.high)
        terms = {layer.plane_bit(element, digit, age + layer.delay - delay): weight << digit
                 for element, age, weight in entering.terms for digit in range(min(digits, len(layer.inputs[element].bits)))}
        negative = -sum(weight for weight in terms.values() if weight < 0)
        least = (constant << delay) - negative * sum(1 << digits * phase for phase in range(phases))
        answers = [answer_of(sparse, row, low, high, origin) for origin in sorted({least >> delay, low})]
        self.answer = min(answers, key=lambda answer: answer.top)
        self.kept = self.answer.kept
        self.first = least - (self.answer.origin << delay) & (1 << self.answer.top + delay) - 1
        self.width = max(1, self._widest(entering.terms, negative).bit_length())
        self.functions, self.carry = compress_to_functions(layer.planes, terms, negative, self.width)
        self.dropped = digits * (phases - 1) - delay
        below = max(0, self.dropped - self.answer.shift)
        self.tail = -(-below // digits) * digits if self.kept else 0

    def _widest(self, terms: tuple[tuple[int, int, int], ...], negative: int) -> int:
        """The greatest sum of the accumulator and a plane: what is read is zero before and after a value's own digits."""
        digits, inputs, value, widest = self.layer.digits, self.layer.inputs, self.first, self.first
        for phase in range(self.phases):
            bits = [(weight, len(inputs[element].bits) - digits * (phase - age)) for element, age, weight in terms if phase >= age]
            value += negative + sum(weight * ((1 << min(digits, left)) - 1) for weight, left in bits if weight > 0 and left > 0)
            widest = max(widest, value)
            value >>= digits
        return widest

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
        lines, begins = [f"    logic [{size - 1}:0] {total};"], self.layer.adds - 1 + self.layer.phases - self.phases
        if self.phases == 1:
            chain = f"{size}'d{self.first}"
        else:
            shifted = f"{{{digits}'d0, {total}[{size - 1}:{digits}]}}" if size > digits else f"{size}'d0"
            lines += [f"    logic [{size - 1}:0] {acc};",
                      f"    always_ff @(posedge clk) {acc} <= since[{begins}] ? {size}'d{self.first} : {shifted};"]
            chain = acc
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
        for column in range(self.answer.shift, self.answer.shift + self.kept):
            offset = column - self.dropped
            if offset >= self.width:
                names.append("1'b0")
            else:
                names.append(f"{prefix}s{row}[{offset}]" if offset >= 0 else f"{prefix}t{row}[{self.tail + offset}]")
        return names
