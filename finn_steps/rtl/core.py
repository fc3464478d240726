"""The contract between the generators of pure pipelines and the top level that surrounds them with a handshake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Core:
    """A generated pipeline without a handshake: `module (input wire logic clk, [input wire logic start,] input wire logic
    [input_bits-1:0] x, output logic [output_bits-1:0] y)`.

    y carries x's answer exactly `latency` clock edges after the edge that took x. With `ii` 1 there is no `start` port and a
    new x is taken at every edge; with `ii` > 1, x is taken at an edge where `start` is high, at most every `ii` cycles, and
    y holds its answer for the cycle that follows the edge `latency` edges later. Frames are packed, element 0 in the least
    significant bits, without padding.
    """

    module: str
    verilog: str
    latency: int
    ii: int
    input_bits: int
    output_bits: int
