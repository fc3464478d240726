"""What the kit says of a core: its ports, and how integers lie on them; read from the files of a build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from deploy.packing import Stream

TOP = "finn_accel"
INPUT, OUTPUT = "s_axis_0", "m_axis_0"


@dataclass(frozen=True)
class Port:
    """bits: of its vector, 0 for a single wire."""

    name: str
    direction: str
    bits: int
    meaning: str


@dataclass(frozen=True)
class Core:
    """One core. latency, ii: cycles, as measured in simulation; `steady` is the II as a whole number, rounded up.

    interface  stream: AXI-Streams; valid: the same ports without ready and last
    idt, odt   FINN datatypes of one integer on the wires
    ranges     the least and the greatest value of each input, where they are not all that idt allows
    words      [W, I] of each input, where fixed-point words come in; answer_words: of an answer, where such go out
    """

    name: str
    sha256: str
    interface: str
    idt: str
    odt: str
    ranges: tuple[tuple[int, int], ...]
    input_stream: Stream
    output_stream: Stream
    latency: int
    ii: float
    clock_ns: float
    part: str
    sources: tuple[str, ...]
    memories: tuple[str, ...]
    words: tuple[tuple[int, int], ...] = ()
    answer_words: tuple[int, int] | None = None

    @classmethod
    def of(cls, accelerator_folder: Path, summary: dict, rtl: Path) -> Core:
        """From a folder with accelerator.json and .npz, report/summary.json, read, and the RTL's folder."""
        description = json.loads((accelerator_folder / "accelerator.json").read_text())
        hardware, out = summary["hardware"], Stream(**description["output_stream"])
        with np.load(accelerator_folder / "accelerator.npz", allow_pickle=False) as arrays:
            ranges = arrays["input_range"].T.tolist() if "input_range" in arrays.files else []
            words, index = description.get("input_fixed", []), arrays["input_index"].tolist()
        words = [words[0 if len(words) == 1 else feature] for feature in index] if words else []
        return cls(
            name=description["name"],
            sha256=description["sha256"],
            interface=description.get("interface", "stream"),
            idt=description["layers"][0]["idt"],
            odt="BIPOLAR" if out.bipolar else f"{'INT' if out.signed else 'UINT'}{out.bits}",
            ranges=tuple(tuple(pair) for pair in ranges),
            input_stream=Stream(**description["input_stream"]),
            output_stream=out,
            latency=hardware["latency_cycles"],
            ii=hardware["ii_cycles"],
            clock_ns=hardware["clock_ns"],
            part=hardware["part"],
            sources=tuple(line for line in (rtl / "filelist.f").read_text().split("\n") if line),
            memories=tuple(sorted(path.name for path in rtl.glob("*.mem"))),
            words=tuple(tuple(pair) for pair in words),
            answer_words=tuple(description["output_fixed"]) if "output_fixed" in description else None,
        )

    @property
    def waits(self) -> bool:
        return self.interface == "stream"

    @property
    def steady(self) -> int:
        return -int(-self.ii // 1)

    @property
    def identifier(self) -> str:
        """The name as VLNV and VHDL take it."""
        kept = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in self.name).strip("_")
        return kept if kept[:1].isalpha() else f"core_{kept}"

    @property
    def ports(self) -> list[Port]:
        """In the order of the module's header."""
        into, out = self.input_stream, self.output_stream
        found = [
            Port("ap_clk", "in", 0, "clock; all ports belong to its rising edge"),
            Port("ap_rst_n", "in", 0, "reset, low, synchronous"),
            Port(f"{INPUT}_tdata", "in", 8 * into.bytes, f"a beat of the input: {into.lanes} x {self.idt}"),
            Port(f"{INPUT}_tvalid", "in", 0, "the beat is there"),
            Port(f"{INPUT}_tready", "out", 0, "the core takes it in this cycle"),
            Port(f"{INPUT}_tlast", "in", 0, "of any meaning; comes out again with the last beat of the frame's answer"),
            Port(f"{OUTPUT}_tdata", "out", 8 * out.bytes, f"a beat of the answer: {out.lanes} x {self.odt}"),
            Port(f"{OUTPUT}_tvalid", "out", 0, "the beat is there"),
            Port(f"{OUTPUT}_tready", "in", 0, "you take it in this cycle"),
            Port(f"{OUTPUT}_tlast", "out", 0, f"what {INPUT}_tlast was with the last beat of this frame; low with its other beats"),
        ]
        return found if self.waits else [port for port in found if not port.name.endswith(("_tready", "_tlast"))]
