"""A folded layer as a stage: PE processing elements with SIMD lanes that step through nonzeros only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.folding.collect import Collection, collect
from finn_steps.folding.schedule import Schedule, schedule
from finn_steps.rtl.control_memory import ControlMemory, divided
from finn_steps.rtl.core import Core
from finn_steps.rtl.folded_activation import Activation, choose_activation, in_block, memory_text
from finn_steps.rtl.folded_lanes import LaneFormat, Widths, control_bits, sum_bits, sum_core, takes_one_a_beat
from finn_steps.rtl.stage import Stage, identifier, instance, unread

LIBRARY = (
    "folded_accumulator", "folded_collector", "folded_lane", "folded_lanes", "folded_sequencer", "frame_fifo", "lane_memory",
    "rom", "small_product", "stream_contract",
)
COLLECTOR_CYCLES = 3
"""From the collector's trigger to the cycle in which it takes."""


def folded_stage(layer: SparseLayer, arrival: np.ndarray) -> Stage:
    """The stage of one layer.

    arrival  int64 [slots]: which input is in each slot of an arriving frame, -1 for none

    Where the cycles allow it, inputs come one a beat, in the order of the slots, into lane memories; else all in one beat.
    Outputs leave in the order of their rows' completion: Stage.order.
    """
    plan, widths, name = schedule(layer), Widths.of(layer), identifier(layer.name)
    collection, activation = collect(plan), choose_activation(layer)
    serial = takes_one_a_beat(layer, plan.cycles, plan.owners, len(arrival))
    lanes = LaneFormat.of(widths, layer.folding.SIMD, plan.depth, plan.uses_ahead)
    total = sum_core(widths, layer.folding.SIMD, f"{name}_sum")
    delay = lanes.cycles + (total.latency if total else 0)
    text, memories = _inputs(layer, plan, widths, lanes, name, arrival, serial)
    control = ControlMemory(control_bits(layer, plan, lanes))
    others = small_memories(activation, layer.folding.PE, plan.cycles, collection.units, len(collection.rows))
    division = divided(len(control.columns), plan.cycles, others, layer.folding.blocks)
    activation = replace(activation, blocks=division.others)
    parts = [
        _sequencer(plan, collection, widths, name, delay, activation.cycles, serial),
        control.text(name, division.control),
        _elements(layer, plan, widths, lanes, total, name, serial),
        _collector(plan, collection, widths, name, delay, division.others),
        _activations(collection, activation, widths, name),
    ]
    for part, files in parts:
        text += part
        memories |= files
    library = (*LIBRARY, *activation.library, *(["folded_loader"] if serial else []), *(["multiplier_group"] if widths.dsp else []))
    slots = len(arrival)
    return Stage(
        name, slots, widths.x, 1 if serial else slots, collection.rows.size, widths.y, collection.units, text, library,
        {f"{total.module}.sv": total.verilog} if total else {}, memories, order=collection.rows.ravel(), ii=plan.cycles,
    )


def _inputs(layer: SparseLayer, plan: Schedule, widths: Widths, lanes: LaneFormat, name: str, arrival: np.ndarray, serial: bool):
    """Wires <name>_available, _last, and what the lanes read: a frame or the loader's writes."""
    depth, index = plan.depth, max(1, lanes.index)
    flags = ("available", "last", "start", "take", "running", done(serial), "first", "room")
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
    owned = [column_at.get((o, a)) for o in range(plan.owners) for a in range(depth)]
    padding = f"{widths.x}'b0"
    pieces = ", ".join(padding if c is None else own_part(layer, c, f"{name}_in_data", slot[c] * widths.x) for c in reversed(owned))
    text += f"  assign {name}_available = {name}_in_valid;\n  assign {name}_last = {name}_in_last;\n"
    text += f"  assign {name}_in_ready = {name}_take;\n"
    if np.any(arrival < 0) or np.any(np.asarray(layer.input_bits) < widths.x):
        text += unread(name, f"{name}_in_data")
    text += f"  always_ff @(posedge ap_clk) if ({name}_take) {name}_frame <= {{{pieces}}};\n"
    text += f"  assign {name}_write = '0;\n  assign {name}_write_address = '0;\n  assign {name}_write_data = '0;\n"
    return text + f"  assign {name}_read_bank = 1'b0;\n", {}


def own_part(layer: SparseLayer, column: int, bus: str, place: int) -> str:
    """An input of the layer in its datatype, from the bits that it has of those from `place` on: no register for the others."""
    width, size, low = DataType[layer.idt].bitwidth(), layer.input_bits[column], int(layer.input_low[column])
    if size == 0:
        return f"{width}'d{low % (1 << width)}"
    if size == width:
        return f"{bus}[{place}+:{width}]"
    above = f"{bus}[{place + size - 1}]" if low < 0 else "1'b0"
    return f"{{{width - size}{{{above}}}}}, {bus}[{place}+:{size}]"


def done(serial: bool) -> str:
    """What the wire for the sequencer's `done` is called: the loader alone reads it."""
    return "done" if serial else "done_unused"


def _sequencer(plan: Schedule, collection: Collection, widths: Widths, name: str, delay_cycles: int, activation_cycles: int, serial: bool):
    """The step counter, the trigger of the collector and the output memory."""
    text = f"  wire [{address_bits(plan.cycles) - 1}:0] {name}_step;\n"
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "ready": f"{name}_available && {name}_room"}
    ports |= {signal: f"{name}_{signal}" for signal in ("start", "take", "running", "first", "step")}
    ports["done"] = f"{name}_{done(serial)}"
    parameters = {"CYCLES": plan.cycles, "FIRST": collection.first}
    text += instance("folded_sequencer", f"{name}_sequencer", parameters, ports)
    wait = delay_cycles + 1 - COLLECTOR_CYCLES
    text += delay(f"{name}_triggers", f"{name}_first", wait) if wait else f"  wire {name}_triggers = {name}_first;\n"
    # From `start` to the last beat in the output memory, then one cycle to leave it and one until that is known.
    dwell = 3 + collection.last + delay_cycles + 1 + 1 + activation_cycles + 1 + 2
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


def _elements(layer: SparseLayer, plan: Schedule, widths: Widths, lanes: LaneFormat, total: Core | None, name: str, serial: bool):
    """The PEs."""
    text = f"  wire [{layer.folding.PE * widths.accumulator - 1}:0] {name}_results;\n"
    return text + "".join(_element(layer, plan, widths, lanes, total, name, pe, serial) for pe in range(layer.folding.PE)), {}


def _element(layer, plan, widths: Widths, lanes: LaneFormat, total: Core | None, name: str, pe: int, serial: bool) -> str:
    """One PE: its lanes, the sum of their products and its accumulator."""
    SIMD, element, bits = plan.column.shape[2], f"{name}_pe{pe}", widths.accumulator
    pieces, product = widths.pieces(SIMD), widths.product_bits(SIMD)
    places, start = sum_bits(widths, SIMD), pe * (SIMD * lanes.field + 1)
    idt, sums = DataType[layer.idt], ("now", "later") if lanes.ahead else ("now",)
    products = {"now": f"{element}_now_products", "later": f"{element}_later_products{'' if lanes.ahead else '_unused'}"}
    text = "".join(f"  wire [{widths.products(SIMD) * product - 1}:0] {wire};\n" for wire in products.values())
    text += "".join(f"  wire [{places - 1}:0] {element}_{which};\n" for which in ("now", "later"))
    parameters = {"SIMD": SIMD, "OWNERS": plan.owners, "DEPTH": lanes.depth, "INDEX": lanes.index, "XBITS": widths.x,
                  "XSIGNED": int(idt.signed()), "XMAX": widths.x_max, "MAGNITUDE": widths.magnitude, "IDLE": int(lanes.idle),
                  "SLICE": widths.slice, "PIECE": pieces[0][1], "LAST": pieces[-1][1], "AHEAD": lanes.ahead,
                  "PARALLEL": int(not serial), "CYCLES": lanes.cycles, "GROUP": widths.group(SIMD), "PBITS": product}
    ports = {"clk": "ap_clk", "control": f"{name}_control[{start}+:{SIMD * lanes.field}]"}
    ports |= {signal: f"{name}_{signal}" for signal in ("frame", "write", "write_address", "write_data", "read_bank")}
    ports |= products
    text += instance("folded_lanes", f"{element}_lanes", parameters, ports)
    for which in sums:
        if total:
            ports = {"clk": "ap_clk", "x": f"{element}_{which}_products", "y": f"{element}_{which}"}
            text += instance(total.module, f"{element}_{which}_sum", {}, ports)
        else:
            text += f"  assign {element}_{which} = {places}'({element}_{which}_products);\n"
            if widths.products(SIMD) * product > places:
                text += unread(f"{element}_{which}", f"{element}_{which}_products")
    text += "" if lanes.ahead else f"  assign {element}_later = '0;\n"
    parameters = {"SBITS": places, "ACCBITS": bits, "AHEAD": lanes.ahead, "DELAY": lanes.cycles + (total.latency if total else 0)}
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "running": f"{name}_running",
             "finish": f"{name}_control[{start + SIMD * lanes.field}]", "now": f"{element}_now", "later": f"{element}_later",
             "result": f"{name}_results[{pe * bits}+:{bits}]"}
    return text + instance("folded_accumulator", f"{element}_accumulator", parameters, ports)


def _collector(plan: Schedule, collection: Collection, widths: Widths, name: str, delay_cycles: int, blocks: bool):
    PE, beats, units = plan.column.shape[0], len(collection.rows), collection.units
    wait = delay_cycles + 1 - COLLECTOR_CYCLES
    choice = address_bits(PE // units)
    words = []
    for take, chosen in zip(collection.take, collection.chosen):
        word = int(take) << units * choice
        for unit in range(units):
            word |= int(chosen[unit]) // units << unit * choice
        words.append(word)
    width = pick_bits(PE, units)
    parameters = {"PE": PE, "UNITS": units, "ACCBITS": widths.accumulator, "CYCLES": plan.cycles, "BEATS": beats,
                  "BLOCK": int(blocks and in_block(width, plan.cycles)), "FILE": f"{name}_picks.mem"}
    text = f"  wire [{units * widths.accumulator - 1}:0] {name}_acc;\n  wire [{address_bits(beats) - 1}:0] {name}_beat;\n"
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "trigger": f"{name}_triggers[{wait - 1}]" if wait else f"{name}_triggers",
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


def pick_bits(PE: int, units: int) -> int:  # noqa: N803
    """Of a word that tells each unit of the collector its PE, and whether to take."""
    return 1 + units * address_bits(-(-PE // units))


def small_memories(activation: Activation, PE: int, cycles: int, units: int, beats: int) -> list[tuple[int, int]]:  # noqa: N803
    """(width, rows) of all constant memories but that of the control words."""
    return [(pick_bits(PE, units), cycles), *activation.memories(units, beats)]


def address_bits(depth: int) -> int:
    return max(1, (depth - 1).bit_length())
