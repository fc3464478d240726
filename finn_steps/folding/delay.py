"""How short a clock period may be, by the number of adders between two registers. An estimate: nothing here is placed or routed.

A stage is a flip-flop, a net and a table that chooses or clips, and then for each adder a net, the LUT in front of its carry chain,
and the chain; ns, of the slowest speed grade (-1). The figures are those of worst paths that Vivado has routed, in reports that others have
published whole (tests/finn_steps/folding/routed_paths.py names them and holds every number of theirs):
  xc7   two SHA-256 cores on a Zynq-7000, three adders in series: nets are the mean of all 18, cells the greatest common arc. Project
        X-Ray's arcs, which Yosys ships (share/xilinx/cells_sim.v), have the same chains: CI to CO 0.114, CI to O 0.334, S to O in one cell 0.618
  xcup  a multiply-accumulate and a divider on an xczu3eg: nets are the mean of all 11. The designs are small, the device is empty
Told by these figures the four paths are 4 % to 15 % off, two of them short and two long. `clock` is skew and jitter less set-up: in the
Zynq reports 0.15 of skew, 0.03 of set-up gained, and jitter that grows with the period, 0.08 at 5 ns and 0.15 at 10. No report of a
clocked UltraScale+ design was found; it is given the same. A full device has longer nets than these.
Shape: routed on an ECP5, one adder between registers made 206 MHz and five 65 MHz, 3.2 times the period; here it is 3.2 and 3.1 times.
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
    """ns. flip_flop: clock to output; clock: skew, jitter and set-up; net: between two cells; table: a LUT; lut: one behind a chain.
    alone: through a chain of one cell of `cell` bits; carry: into a longer one and along its first cell; onward: along each cell between;
    out: along the last one. floor: what clock nets and memories allow, assumed."""

    flip_flop: float
    clock: float
    net: float
    table: float
    lut: float
    alone: float
    carry: float
    onward: float
    out: float
    cell: int
    floor: float

    def chain(self, bits: int) -> float:
        cells = ceil(bits / self.cell)
        return self.alone if cells == 1 else self.carry + self.onward * (cells - 2) + self.out

    def adder(self, bits: int) -> float:
        return self.net + self.lut + self.chain(bits)


FAMILIES = {
    "xc7": Delays(flip_flop=0.518, clock=0.23, net=0.805, table=0.124, lut=0.306, alone=0.618, carry=0.55, onward=0.114, out=0.334, cell=4,
                  floor=2.5),
    "xcup": Delays(flip_flop=0.097, clock=0.23, net=0.365, table=0.15, lut=0.18, alone=0.238, carry=0.269, onward=0.051, out=0.146, cell=8,
                   floor=1.6),
}


def least_period_ns(family: str, adders: int, bits: int) -> float:
    """The shortest period that holds so many adders of `bits` in series, and a table behind them."""
    delays = FAMILIES[family]
    stage = delays.flip_flop + delays.clock + delays.net + delays.table + adders * delays.adder(bits)
    return round(ceil(max(delays.floor, stage) / STEP_NS - 1e-9) * STEP_NS, 3)


def registers_every(clock_ns: float, family: str, bits: int) -> int:
    """The most adders of `bits` in series that a period holds, one at least."""
    return max([adders for adders in range(1, MOST_ADDERS + 1) if least_period_ns(family, adders, bits) <= clock_ns], default=1)


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
