"""The contract between the generators of pure pipelines and the top level that surrounds them with a handshake."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Core:
    """A generated pipeline without a handshake: `module (input wire logic clk, [input wire logic start,] input wire logic
    [input_bits-1:0] x, output logic [output_bits-1:0] y)`.

    y carries x's answer `latency` cycles after the cycle that gave x. An unrolled core has no `start` and takes an x in every
    cycle (`ii` 1). The others take x in a cycle where `start` is high, at most every `ii` cycles, and y holds its answer for
    the one cycle that is `latency` cycles later. Frames are packed, element 0 in the least significant bits, no padding.
    `depth` and `counts` are for estimates: nodes in series, and what rtl/counts.py counts.
    """

    module: str
    verilog: str
    latency: int
    ii: int
    input_bits: int
    output_bits: int
    depth: int = 0
    counts: dict[str, int] = field(default_factory=dict)
