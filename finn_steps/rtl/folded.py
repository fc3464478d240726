"""A folded layer as a stage: PE processing elements with SIMD lanes that step through nonzeros only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.collect import Collection, collect
from finn_steps.folding.schedule import Schedule, schedule
from finn_steps.rtl.folded_activation import RowRange, choose_activation, in_block, memory_text
from finn_steps.rtl.stage import Stage, identifier, instance

LIBRARY = (
    "adder_tree", "folded_collector", "folded_lane", "folded_pe", "folded_sequencer", "frame_fifo", "lane_memory", "rom", "small_sum",
)
RESULT_CYCLES = 3
"""From the step in which a row finishes to its result, without the registers in the adder tree. The collector's memory takes
as many cycles to answer, so that it is triggered when the sum of the first row to be taken leaves the tree."""


@dataclass(frozen=True, eq=False)
class Widths:
    """Bits of an input, of a weight's magnitude, of an accumulator and of an output; the greatest distance of an input from
    the least, and the greatest product with it."""

    x: int
    magnitude: int
    accumulator: int
    y: int
    x_max: int
    product_max: int

    @classmethod
    def of(cls, layer: SparseLayer) -> Widths:
        idt = DataType[layer.idt]
        greatest, x_max = max(1, int(np.abs(layer.weights).max())), int(idt.max()) - int(idt.min())
        bits = RowRange.of(layer).bits
        return cls(idt.bitwidth(), greatest.bit_length(), bits, DataType[layer.odt].bitwidth(), x_max, greatest * x_max)


def folded_stage(layer: SparseLayer, arrival: np.ndarray) -> Stage:
    """The stage of one layer.

    arrival  int64 [slots]: which input is in each slot of an arriving frame, -1 for none

    Where the cycles allow it, inputs come one a beat, in the order of the slots, into lane memories; else all in one beat.
    Outputs leave in the order of their rows' completion: Stage.order.
    """
    plan, widths, name = schedule(layer), Widths.of(layer), identifier(layer.name)
    collection, activation = collect(plan), choose_activation(layer)
    serial = takes_one_a_beat(plan, arrival)
    depth = layer.MW // plan.owners
    text, memories = _inputs(plan, widths, name, arrival, depth, serial)
    parts = [
        _sequencer(plan, collection, widths, name, activation.cycles),
        _elements(layer, plan, widths, name, depth, serial),
        _collector(plan, collection, widths, name),
        _activations(collection, activation, widths, name),
    ]
    for part, files in parts:
        text += part
        memories |= files
    library = (*LIBRARY, *activation.library, *(("folded_loader",) if serial else ()))
    slots = len(arrival)
    return Stage(
        name, slots, widths.x, 1 if serial else slots, collection.rows.size, widths.y, collection.units, text, library,
        memories=memories, order=collection.rows.ravel(), ii=plan.cycles,
    )


def takes_one_a_beat(plan: Schedule, arrival: np.ndarray) -> bool:
    """Whether the next frame can be loaded, one slot a cycle, while one is worked on."""
    return plan.cycles >= len(arrival) + 4


def _inputs(plan: Schedule, widths: Widths, name: str, arrival: np.ndarray, depth: int, serial: bool):
    """Wires <name>_available, _last, and what the lanes read: a frame or the loader's writes."""
    index = address_bits(depth)
    flags = ("available", "last", "start", "take", "running", "done", "first", "room")
    text = "".join(f"  wire {name}_{flag};\n" for flag in flags)
    text += f"  wire [{plan.owners - 1}:0] {name}_write;\n  wire [{index}:0] {name}_write_address;\n"
    text += f"  wire [{widths.x - 1}:0] {name}_write_data;\n  wire {name}_read_bank;\n"
    text += f"  logic [{plan.owners * depth * widths.x - 1}:0] {name}_frame;\n"
    if serial:
        owner_bits = plan.owners.bit_length()
        places = [(plan.owners, 0) if c < 0 else (int(plan.owner[c]), int(plan.address[c])) for c in arrival]
        words = [owner << index | address for owner, address in places]
        parameters = {"WIDTH": widths.x, "BEATS": len(arrival), "OWNERS": plan.owners, "ADDRESS": index,
                      "FILE": f"{name}_load.mem"}
        ports = {"clk": "ap_clk", "rst_n": "ap_rst_n"} | {f"s_{s}": f"{name}_in_{s}" for s in ("data", "valid", "ready", "last")}
        signals = ("write", "write_address", "write_data", "available", "last", "take", "done", "read_bank")
        text += instance("folded_loader", f"{name}_loader", parameters, ports | {s: f"{name}_{s}" for s in signals})
        text += f"  assign {name}_frame = '0;\n"
        return text, {f"{name}_load.mem": memory_text(words, owner_bits + index)}
    slot = {int(column): place for place, column in enumerate(arrival) if column >= 0}
    column_at = {(int(o), int(a)): column for column, (o, a) in enumerate(zip(plan.owner, plan.address))}
    owned = [slot[column_at[o, a]] for o in range(plan.owners) for a in range(depth)]
    pieces = ", ".join(f"{name}_in_data[{place * widths.x}+:{widths.x}]" for place in reversed(owned))
    text += f"  assign {name}_available = {name}_in_valid;\n  assign {name}_last = {name}_in_last;\n"
    text += f"  assign {name}_in_ready = {name}_take;\n"
    text += f"  always_ff @(posedge ap_clk) if ({name}_take) {name}_frame <= {{{pieces}}};\n"
    text += f"  assign {name}_write = '0;\n  assign {name}_write_address = '0;\n  assign {name}_write_data = '0;\n"
    return text + f"  assign {name}_read_bank = 1'b0;\n", {}


def _sequencer(plan: Schedule, collection: Collection, widths: Widths, name: str, activation_cycles: int):
    """The step counter, the trigger of the collector and the output memory."""
    levels = tree_levels(plan.column.shape[2], widths)
    text = f"  wire [{address_bits(plan.cycles) - 1}:0] {name}_step;\n"
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "ready": f"{name}_available && {name}_room"}
    ports |= {signal: f"{name}_{signal}" for signal in ("start", "take", "running", "done", "first", "step")}
    parameters = {"CYCLES": plan.cycles, "FIRST": collection.first}
    text += instance("folded_sequencer", f"{name}_sequencer", parameters, ports)
    text += delay(f"{name}_triggers", f"{name}_first", levels) if levels else f"  wire {name}_triggers = {name}_first;\n"
    # From `start` to the last beat in the output memory, then one cycle to leave it and one until that is known.
    dwell = 3 + collection.last + RESULT_CYCLES + levels + 1 + activation_cycles + 1 + 2
    width = collection.units * widths.y
    text += f"  wire {name}_acc_valid;\n  wire [{width - 1}:0] {name}_y;\n"
    text += delay(f"{name}_valids", f"{name}_acc_valid", activation_cycles)
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "room": f"{name}_room", "start": f"{name}_start", "start_last": f"{name}_last",
             "write": f"{name}_valids[{activation_cycles - 1}]", "write_data": f"{name}_y"}
    ports |= {f"m_{signal}": f"{name}_out_{signal}" for signal in ("data", "valid", "ready", "last")}
    parameters = {"WIDTH": width, "BEATS": len(collection.rows), "FRAMES": 1 + -(-dwell // plan.cycles)}
    return text + instance("frame_fifo", f"{name}_answers", parameters, ports), {}


def delay(name: str, source: str, cycles: int) -> str:
    """`name`[i] is `source` i + 1 cycles later; reset clears it."""
    shifted = f"{{{name}[{cycles - 2}:0], {source}}}" if cycles > 1 else source
    return f"  logic [{cycles - 1}:0] {name};\n  always_ff @(posedge ap_clk) {name} <= ap_rst_n ? {shifted} : '0;\n"


def _elements(layer: SparseLayer, plan: Schedule, widths: Widths, name: str, depth: int, serial: bool):
    """The control memory and the PEs."""
    index, ahead = address_bits(depth), int(plan.uses_ahead)
    field = index + widths.magnitude + 1 + ahead
    words = control_words(layer, plan, widths, index)
    PE, SIMD = plan.column.shape[0], plan.column.shape[2]
    width = PE * (SIMD * field + 1)
    memory = {"WIDTH": width, "DEPTH": plan.cycles, "BLOCK": in_block(width, plan.cycles), "FILE": f"{name}_control.mem"}
    text = f"  wire [{width - 1}:0] {name}_control;\n  wire [{PE * widths.accumulator - 1}:0] {name}_results;\n"
    ports = {"clk": "ap_clk", "address": f"{name}_step", "data": f"{name}_control"}
    text += instance("rom", f"{name}_schedule", memory, ports)
    parameters = {"SIMD": SIMD, "OWNERS": plan.owners, "DEPTH": depth, "XBITS": widths.x,
                  "XSIGNED": int(DataType[layer.idt].signed()), "XMAX": widths.x_max, "MAGNITUDE": widths.magnitude,
                  "PMAX": widths.product_max, "ACCBITS": widths.accumulator, "AHEAD": ahead, "PARALLEL": int(not serial),
                  "LEVELS": tree_levels(SIMD, widths)}
    shared = {"clk": "ap_clk", "rst_n": "ap_rst_n"}
    shared |= {s: f"{name}_{s}" for s in ("running", "frame", "write", "write_address", "write_data", "read_bank")}
    for pe in range(PE):
        ports = shared | {"control": f"{name}_control[{pe * (SIMD * field + 1)}+:{SIMD * field}]",
                          "finish": f"{name}_control[{pe * (SIMD * field + 1) + SIMD * field}]",
                          "result": f"{name}_results[{pe * widths.accumulator}+:{widths.accumulator}]"}
        text += instance("folded_pe", f"{name}_pe{pe}", parameters, ports)
    return text, {f"{name}_control.mem": memory_text(words, width)}


def control_words(layer: SparseLayer, plan: Schedule, widths: Widths, index: int) -> list[int]:
    """For each cycle: for each PE its lanes' {ahead, negative, magnitude, index}, lane 0 lowest, and above them its `finish`."""
    PE, T, SIMD = plan.column.shape
    ahead = int(plan.uses_ahead)
    field = index + widths.magnitude + 1 + ahead
    words = [0] * T
    for pe in range(PE):
        base = pe * (SIMD * field + 1)
        finishes = set(plan.finish[pe])
        for cycle in range(T):
            word = int(cycle in finishes) << SIMD * field
            for lane in range(SIMD):
                column = int(plan.column[pe, cycle, lane])
                if column >= 0:
                    later = int(plan.ahead[pe, cycle, lane])
                    row = plan.rows[pe][plan.row_at(pe, cycle) + later]
                    weight = int(layer.weights[row, column])
                    signed = int(weight < 0) << widths.magnitude | abs(weight)
                    word |= (later << field - 1 | signed << index | int(plan.address[column])) << lane * field
            words[cycle] |= word << base
    return words


def _collector(plan: Schedule, collection: Collection, widths: Widths, name: str):
    PE, beats, units = plan.column.shape[0], len(collection.rows), collection.units
    levels = tree_levels(plan.column.shape[2], widths)
    choice = address_bits(PE // units)
    words = []
    for take, chosen in zip(collection.take, collection.chosen):
        word = int(take) << units * choice
        for unit in range(units):
            word |= int(chosen[unit]) // units << unit * choice
        words.append(word)
    width = 1 + units * choice
    parameters = {"PE": PE, "UNITS": units, "ACCBITS": widths.accumulator, "CYCLES": plan.cycles, "BEATS": beats,
                  "BLOCK": in_block(width, plan.cycles), "FILE": f"{name}_picks.mem"}
    text = f"  wire [{units * widths.accumulator - 1}:0] {name}_acc;\n  wire [{address_bits(beats) - 1}:0] {name}_beat;\n"
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "trigger": f"{name}_triggers[{levels - 1}]" if levels else f"{name}_triggers",
             "results": f"{name}_results", "acc": f"{name}_acc", "beat": f"{name}_beat", "valid": f"{name}_acc_valid"}
    text += instance("folded_collector", f"{name}_collector", parameters, ports)
    return text, {f"{name}_picks.mem": memory_text(words, width)}


def _activations(collection: Collection, activation, widths: Widths, name: str):
    text, memories = "", {}
    for unit in range(collection.units):
        acc = f"{name}_acc[{unit * widths.accumulator}+:{widths.accumulator}]"
        y = f"{name}_y[{unit * widths.y}+:{widths.y}]"
        part, files = activation.body(collection.rows[:, unit], f"{name}_unit{unit}", acc, f"{name}_beat", y)
        text += part
        memories |= files
    return text, memories


def tree_levels(SIMD: int, widths: Widths) -> int:
    """Registers in adder_tree."""
    bits = widths.product_max.bit_length()
    group = 1 if SIMD == 1 or bits > 2 else 6 if bits == 1 else 3
    return int(group > 1) + (-(-SIMD // group) - 1).bit_length()


def address_bits(depth: int) -> int:
    return max(1, (depth - 1).bit_length())
