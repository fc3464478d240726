"""How short a clock period may be, by the number of adders between two registers. An estimate: nothing here is placed or routed.

A stage is a flip-flop, a net and a table that chooses or clips, and then for each adder a net, the LUT in front of its carry chain,
and the chain. The figures are assumptions, ns, for the slowest speed grade: typical of what timing reports of these families show, but
not checked against the data sheets, and calibrated on no routed Xilinx design:
  xc7   FDRE C to Q 0.52, LUT6 0.124, CARRY4 S to CO 0.55, CI to CO 0.114, CI to O 0.334, set-up 0.06; nets of low fan-out 0.75
  xcup  FDRE 0.08, LUT6 0.09 to 0.15, CARRY8 S to CO 0.2, CI to CO 0.02 for 8 bits, CI to O 0.12, nets of low fan-out 0.45; all times 1.25
Shape: routed on an ECP5, one adder between registers made 206 MHz and five 65 MHz (docs/benchmarks.md has more runs): 2.2 ns and 2.6 ns
an adder, a ratio of 0.84; here it is 0.74 for xc7 at 12 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from finn_steps.accelerator import Accelerator
from finn_steps.rtl.folded_activation import signed_bits

MOST_ADDERS = 12
STEP_NS = 0.05
"""Periods are rounded up to this."""


@dataclass(frozen=True)
class Delays:
    """ns. flip_flop: clock to output, set-up and clock uncertainty. carry: into the chain and along its first cell of `cell` bits;
    onward: along each further cell; out: from the chain. floor: what clock nets and memories allow."""

    flip_flop: float
    net: float
    lut: float
    carry: float
    onward: float
    out: float
    cell: int
    floor: float

    def adder(self, bits: int) -> float:
        return self.net + self.lut + self.carry + self.onward * max(0, ceil(bits / self.cell) - 1) + self.out


FAMILIES = {
    "xc7": Delays(flip_flop=0.62, net=0.75, lut=0.124, carry=0.55, onward=0.114, out=0.334, cell=4, floor=2.5),
    "xcup": Delays(flip_flop=0.19, net=0.56, lut=0.16, carry=0.25, onward=0.025, out=0.15, cell=8, floor=1.6),
}


def least_period_ns(family: str, adders: int, bits: int) -> float:
    """The shortest period that holds so many adders of `bits` in series, and a table behind them."""
    delays = FAMILIES[family]
    stage = delays.flip_flop + delays.net + delays.lut + adders * delays.adder(bits)
    return round(ceil(max(delays.floor, stage) / STEP_NS - 1e-9) * STEP_NS, 3)


def widest_sum(accelerator: Accelerator) -> int:
    """Bits of the widest accumulator."""
    return max(signed_bits(int(layer.accumulator_min.min()), int(layer.accumulator_max.max())) for layer in accelerator.layers)


def periods(accelerator: Accelerator, family: str, least_ns: float = 0.0, most_ns: float = float("inf")) -> dict[int, float]:
    """Adders between registers -> the shortest period in ns, of those that lie between `least_ns` and `most_ns`. ValueError where
    none does."""
    bits = widest_sum(accelerator)
    found = {adders: max(least_ns, least_period_ns(family, adders, bits)) for adders in range(1, MOST_ADDERS + 1)}
    allowed = {adders: period for adders, period in found.items() if period <= most_ns}
    if not allowed:
        raise ValueError(f"a clock of {most_ns:g} ns holds no adder of {bits} bits on {family}, by the estimate: {found[1]:g} ns at least")
    return allowed
