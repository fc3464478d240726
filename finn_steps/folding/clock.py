"""How many adders fit between two registers at a wanted clock."""

from __future__ import annotations

FIXED_NS = {"xc7": 1.65, "xcup": 1.0}
ADDER_NS = {"xc7": 1.95, "xcup": 1.2}
"""An estimate, not a promise. Routed by nextpnr for an ECP5, one adder between registers made 206 MHz and five 65 MHz: 2.2 ns and
2.6 ns for each adder, routing included. Series 7 (speed grade 1) is taken to need 0.75 of that, UltraScale+ 0.45."""


def registers_every(clock_ns: float, family: str) -> int:
    """The most adders in series that the period holds, one at least."""
    return max(1, int((clock_ns - FIXED_NS[family]) / ADDER_NS[family]))
