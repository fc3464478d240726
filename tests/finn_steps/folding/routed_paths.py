"""Worst paths that Vivado routed, from reports that others published: what finn_steps/folding/delay.py is calibrated on and held to.

Nets between slices only; those within one, or from carry cell to carry cell, are counted with the chain that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

SHA256_A = ("DigitalSystems - SHA256 Hardware Accelerator Report (Eurecom, for a Zybo: xc7z010, -1), Timing Reports, Max Delay Paths, "
            "W_reg[14][21] to a_reg[24]")
SHA256_B = ("another report of the same course (Zybo: xc7z010, -1), Timing results, Max Delay Paths, count_it_reg[29] to a_reg[30]")
LAKEROAD = "gussmith23/lakeroad-evaluation, runs/2022-07-06-1704-full/…/vivado-synth-opt-place-route/ (Vivado 2021.2, xczu3eg-sbva484, -1), "


@dataclass(frozen=True)
class Routed:
    """ns. tables: LUTs behind a flip-flop or a LUT; luts: behind a chain; chains: (cells, delay); total: `Data Path Delay`."""

    family: str
    source: str
    total: float
    flip_flop: float
    nets: tuple[float, ...]
    tables: tuple[float, ...]
    luts: tuple[float, ...]
    chains: tuple[tuple[int, float], ...]

    @property
    def sum(self) -> float:
        return self.flip_flop + sum(self.nets) + sum(self.tables) + sum(self.luts) + sum(delay for _, delay in self.chains)


ROUTED = (
    Routed("xc7", SHA256_A, 12.663, 0.518, (1.142, 0.831, 0.592, 1.188, 0.983, 0.449, 1.150, 0.591, 0.608),
           (0.154, 0.327, 0.124, 0.326, 0.124, 0.124), (0.327, 0.303, 0.299), ((2, 0.772), (3, 0.998), (3, 0.734))),
    Routed("xc7", SHA256_B, 11.941, 0.456, (1.111, 0.836, 1.326, 0.440, 0.670, 0.585, 0.932, 0.615, 0.443),
           (0.124, 0.124, 0.118, 0.326, 0.124, 0.124), (0.306, 0.306, 0.301), ((4, 1.099), (3, 0.825), (2, 0.752))),
    Routed("xcup", LAKEROAD + "pipelined-mac.futil-ultrascale-timing-route.v", 2.828, 0.095, (0.306, 0.287, 0.597, 0.349),
           (0.193, 0.148, 0.167, 0.174), (), ((4, 0.512),)),
    Routed("xcup", LAKEROAD + "std-fp-sdiv.futil-vanilla-timing-route.v", 3.504, 0.094, (0.703, 0.268, 0.275, 0.174, 0.257, 0.355, 0.444),
           (0.064, 0.148), (0.120, 0.039), ((3, 0.389), (1, 0.174))),
)
