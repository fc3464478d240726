"""From an Accelerator to a folder of RTL: cores, library, memory files and the top module `finn_accel`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.folding.streams import streams
from finn_steps.rtl.core import Core
from finn_steps.rtl.core_cache import kept_core
from finn_steps.rtl.design import TOP, Design
from finn_steps.rtl.folded import folded_stage
from finn_steps.rtl.label import label_core
from finn_steps.rtl.stage import Stage, convert, identifier, instance, joinable, register, reorder
from finn_steps.rtl.top import top
from finn_steps.tools.files import write_atomically

LIBRARY = Path(__file__).with_name("library")


def generate(accelerator: Accelerator, folder: Path | str) -> Design:
    """Write finn_accel.sv, the cores, the library modules they use, memory files, filelist.f and design.json.

    The folder is made if need be; files of an earlier design in it are removed. ValueError, naming the layer, for what
    cannot be built.
    """
    folder = Path(folder)
    stages = plan(accelerator)
    generated = {name: text for stage in stages for name, text in stage.sources.items()}
    library = sorted({f"{module}.sv" for stage in stages for module in stage.library})
    memories = {name: text for stage in stages for name, text in stage.memories.items()}
    folder.mkdir(parents=True, exist_ok=True)
    _remove_earlier(folder)
    for name in library:
        write_atomically(folder / name, (LIBRARY / name).read_bytes())
    for name, text in {**generated, **memories, f"{TOP}.sv": top(accelerator, stages)}.items():
        write_atomically(folder / name, text.encode())
    design = Design(
        folder, (*library, *generated, f"{TOP}.sv"), tuple(memories), *streams(accelerator), max(stage.ii for stage in stages), interface=accelerator.interface,
    )
    design.save()
    return design


def plan(accelerator: Accelerator) -> list[Stage]:
    """The stages from input to output, with what joins their beats and the order of their elements."""
    if accelerator.interface == "valid":
        return free_running_plan(accelerator)
    into, out = streams(accelerator)
    stages: list[Stage] = []
    order, lanes = np.arange(into.elements), into.lanes
    groups = layer_groups(accelerator)
    for layers, following in zip(groups, [*groups[1:], []]):
        style, width = layers[0].folding.style, bits(layers[0].idt)
        if style == "folded":
            stage = folded_stage(layers[0], order)
            stages += convert(f"{stage.name}_input", len(order), width, lanes, stage.in_lanes)
            if lanes < stage.in_lanes:
                stages.append(register(f"{stage.name}_frame_in", len(order), width))
        else:
            labels = accelerator.labels if style == "unrolled" and not following else None
            stage = core_stage(style, layers, labels, bool(following) and following[0].folding.style == "folded")
            stages += in_order(f"{stage.name}_input", order, width, lanes)
        stages.append(stage)
        order = np.arange(stage.out_elements) if stage.order is None else stage.order
        lanes = stage.out_lanes
    if accelerator.labels is not None and style != "unrolled":
        last = accelerator.layers[-1]
        stages += [*in_order("frame", order, bits(last.odt), lanes), label_stage(last, accelerator.labels)]
        order, lanes = np.arange(1), 1
    if np.array_equal(order, np.arange(out.elements)) and joinable(lanes, out.lanes):
        return stages + convert("output", out.elements, out.bits, lanes, out.lanes)
    stages += in_order("frame", order, out.bits, lanes)
    if out.lanes < out.elements:
        stages.append(register("answer", out.elements, out.bits))
    return stages + convert("output", out.elements, out.bits, out.elements, out.lanes)


def free_running_plan(accelerator: Accelerator) -> list[Stage]:
    """One core behind the other, none of which waits: a frame a beat, in the order of its elements, all the way. The first core's stage
    lets in no more than the slowest takes."""
    groups, cores = layer_groups(accelerator), []
    for layers in groups:
        style = layers[0].folding.style
        labels = accelerator.labels if style == "unrolled" and layers is groups[-1] else None
        cores.append((core_name(layers), make_core(style, layers, f"{core_name(layers)}_core", labels), style != "unrolled"))
    last = accelerator.layers[-1]
    if accelerator.labels is not None and style != "unrolled":
        cores.append(("label", label_core(last.MH, last.odt, accelerator.labels, "label_core", last.folding.registers_every), False))
    ii = max(core.ii for _, core, _ in cores)
    return [free_running_stage(*each, ii if place == 0 else 1) for place, each in enumerate(cores)]


def layer_groups(accelerator: Accelerator) -> list[list[SparseLayer]]:
    """The layers of each stage: consecutive ones that one core can hold, but each folded one by itself."""
    groups: list[list[SparseLayer]] = []
    for core, layers in groupby(accelerator.layers, key=lambda layer: core_of(layer.folding)):
        groups += [[layer] for layer in layers] if core == "folded" else [list(layers)]
    return groups


def core_of(folding: Folding) -> str:
    """Layers of which neighbours share a core have the same: bit-plane and serial ones do."""
    return "bitplane" if folding.style == "serial" else folding.style


def in_order(name: str, order: np.ndarray, width: int, lanes: int) -> list[Stage]:
    """From beats of `lanes` elements in some order to whole frames in the order of the elements."""
    stages = convert(f"{name}_collect", len(order), width, lanes, len(order))
    if not np.array_equal(order, np.arange(len(order))):
        stages.append(reorder(f"{name}_order", order, width))
    return stages


def core_stage(style: str, layers: list[SparseLayer], labels: np.ndarray | None, waits: bool) -> Stage:
    """Consecutive layers of one style as one free-running core; an unrolled one can answer with labels. `waits`: its answers
    are not taken at once (pipeline_stage)."""
    name = core_name(layers)
    core = make_core(style, layers, f"{name}_core", labels)
    first, last = layers[0], layers[-1]
    out_elements, out_width = (last.MH, bits(last.odt)) if labels is None else (1, core.output_bits)
    return pipeline_stage(name, core, first.MW, bits(first.idt), out_elements, out_width, style != "unrolled", waits)


def label_stage(layer: SparseLayer, labels: np.ndarray) -> Stage:
    """Behind a last layer that is not unrolled: from its frame to the label of its first greatest row."""
    core = label_core(layer.MH, layer.odt, labels, "label_core", layer.folding.registers_every)
    return pipeline_stage("label", core, layer.MH, bits(layer.odt), 1, core.output_bits, False)


def pipeline_stage(
    name: str, core: Core, elements: int, width: int, out_elements: int, out_width: int, starts: bool, waits: bool = False,
) -> Stage:
    """A core, its output memory and the credits around it; `starts`: the core has a port `start`; `waits`: a folded layer
    follows, which leaves a frame where it is for up to its own cycles, so that keeping the rate takes one credit more."""
    start, body = core_body(name, core, starts, f"{name}_y")
    parameters = {"WIDTH": core.output_bits, "LATENCY": core.latency, "II": core.ii}
    if waits:
        parameters["CREDITS"] = -(-(core.latency + 2) // core.ii) + 1
    handshake = {"clk": "ap_clk", "rst_n": "ap_rst_n", "s_valid": f"{name}_in_valid", "s_ready": f"{name}_in_ready",
                 "s_last": f"{name}_in_last", "start": start, "y": f"{name}_y"}
    handshake |= {f"m_{signal}": f"{name}_out_{signal}" for signal in ("data", "valid", "ready", "last")}
    body += instance("credit_pipeline", f"{name}_credits", parameters, handshake)
    return Stage(name, elements, width, elements, out_elements, out_width, out_elements, f"  wire [{core.output_bits - 1}:0] {name}_y;\n{body}",
                 ("credit_pipeline", "stream_contract"), {f"{core.module}.sv": core.verilog}, ii=core.ii)


def free_running_stage(name: str, core: Core, starts: bool, ii: int) -> Stage:
    """A core with nothing around it but what says when its answers are there; frames as words of one element. `ii`: frames that come
    sooner are not taken."""
    start, body = core_body(name, core, starts, f"{name}_out_data")
    ports = {"clk": "ap_clk", "rst_n": "ap_rst_n", "s_valid": f"{name}_in_valid", "start": start, "m_valid": f"{name}_out_valid"}
    body += instance("valid_pipeline", f"{name}_valids", {"LATENCY": core.latency, "II": ii}, ports)
    return Stage(name, 1, core.input_bits, 1, 1, core.output_bits, 1, body, ("valid_pipeline",), {f"{core.module}.sv": core.verilog}, ii=ii)


def core_body(name: str, core: Core, starts: bool, y: str) -> tuple[str, str]:
    """The wire that says that the core takes a frame, and the text of that and of the core, which answers at `y`."""
    start = f"{name}_start" if starts else f"{name}_start_unused"
    ports = {"clk": "ap_clk"} | ({"start": start} if starts else {})
    return start, f"  wire {start};\n" + instance(core.module, f"{name}_pipeline", {}, ports | {"x": f"{name}_in_data", "y": y})


def core_name(layers: list[SparseLayer]) -> str:
    """The name of the stage of these layers."""
    first, last = identifier(layers[0].name), identifier(layers[-1].name)
    return first if len(layers) == 1 else f"{first}_to_{last}"


def make_core(style: str, layers: list[SparseLayer], module: str, labels: np.ndarray | None = None) -> Core:
    """The free-running pipeline of these layers; kept on disk by content, so that an estimate and a build make it once."""
    if style == "unrolled":
        from finn_steps.rtl.unrolled import unrolled_core

        return kept_core(unrolled_core, layers, module, *([] if labels is None else [labels]))
    from finn_steps.rtl.bitplane import bitplane_core

    return kept_core(bitplane_core, layers, module)


def bits(datatype: str) -> int:
    """Bits of one element of a FINN datatype; BIPOLAR is one bit, 0 for -1."""
    return DataType[datatype].bitwidth()


def _remove_earlier(folder: Path) -> None:
    if (folder / "design.json").exists():
        earlier = json.loads((folder / "design.json").read_text())
        for name in (*earlier["files"], *earlier["memories"], "filelist.f", "design.json"):
            (folder / name).unlink(missing_ok=True)
