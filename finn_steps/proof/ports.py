"""What the ports of a design carry: which bits of which beat an integer travels in."""

from __future__ import annotations

import json
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.stream import StreamFormat
from finn_steps.proof.boundary import Bit, Boundary
from finn_steps.proof.graph import Graph, node_of
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.netlist import Netlist
from finn_steps.proof.specification import input_code, input_sources


def streams_of(rtl_folder: Path | str, accelerator: Accelerator) -> tuple[StreamFormat, StreamFormat]:
    """How frames of the accelerator's datatypes travel in and out: design.json says in how many lanes."""
    description = json.loads((Path(rtl_folder) / "design.json").read_text())
    return (StreamFormat.of(accelerator.idt, accelerator.MW, description["input_stream"]["lanes"]),
            StreamFormat.of(accelerator.odt, accelerator.MH, description["output_stream"]["lanes"]))


def check_widths(netlist: Netlist, into: StreamFormat, out: StreamFormat) -> None:
    """The data ports are as wide as the streams' beats."""
    for port, stream in (("s_axis_0_tdata", into), ("m_axis_0_tdata", out)):
        width = len(netlist.ports[port][1])
        if width != 8 * stream.bytes:
            raise NotUnderstood(f"{port} has {width} bits, a beat {8 * stream.bytes}")


def check_last(graph: Graph, answers, into: StreamFormat, out: StreamFormat) -> None:
    """TLAST of an answer's last beat is that of its frame's last beat; of the others it is low."""
    expected = [0] * (out.beats - 1) + [graph.input((into.beats - 1, "last"))]
    if answers.last != expected:
        raise NotUnderstood("m_axis_0_tlast of the last beat of an answer is not s_axis_0_tlast of the last beat of its frame")


def outputs_of(answers, stream: StreamFormat) -> list[list[int]]:
    """The literals of each integer of an answer, the least significant first."""
    return [answers.data[i // stream.lanes][i % stream.lanes * stream.bits:][:stream.bits] for i in range(stream.elements)]


def input_boundary(graph: Graph, accelerator: Accelerator, into: StreamFormat) -> Boundary:
    """The bits of the frames that come in: of each input those that it has."""
    sources = input_sources(accelerator.layers[0])
    boundary = Boundary(sources, [{"datatype": input_code(source)} for source in sources])
    for element, source in enumerate(sources):
        for index in range(len(input_code(source).weights)):
            node = node_of(graph.input(place_of(into, element, index)))
            boundary.bits[node] = [Bit(element, "datatype", index)]
    return boundary


def assumed_bits(graph: Graph, accelerator: Accelerator, into: StreamFormat) -> dict[tuple[int, int], int]:
    """The bits that an input does not have: copies of its sign, or zeros; those of one that is always the same are its value's."""
    assumed = {}
    for element, source in enumerate(input_sources(accelerator.layers[0])):
        width = len(input_code(source).weights)
        for index in range(width, into.bits):
            sign = graph.input(place_of(into, element, width - 1)) if width and source.low < 0 else 0
            assumed[place_of(into, element, index)] = sign if width else source.low >> index & 1
    return assumed


def place_of(into: StreamFormat, element: int, index: int) -> tuple[int, int]:
    """(beat, bit) of bit `index` of an input."""
    beat, lane = divmod(element, into.lanes)
    return beat, lane * into.bits + index
