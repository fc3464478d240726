"""What the boards' devices hold, and so the limits of every build for them."""

from __future__ import annotations

import re

from finn_steps.folding.tune import Limits

DEVICES = {
    "xc7z020": (53_200, 220, 280),
    "xczu3eg": (70_560, 360, 432),
    "xczu7ev": (230_400, 1_728, 624),
    "xck26": (117_120, 1_248, 288),
}
"""LUTs, DSPs and 18 Kbit block RAMs (Xilinx DS190, DS891, DS987), by the beginning of the part's name."""


def within_device(limits: Limits, part: str) -> Limits:
    """With the device's own where there is no limit or a greater one; a part that is not known has none. DSPs have to be asked for."""
    held = next((counts for name, counts in DEVICES.items() if part.startswith(name)), (None, None, None))
    asked = (limits.lut, limits.dsp or 0, limits.bram)
    lut, dsp, bram = (min((n for n in pair if n is not None), default=None) for pair in zip(asked, held))
    return Limits(lut, dsp, bram, limits.latency)


def family_of(part: str) -> str:
    """The Yosys family of a Xilinx part: xc7z…, xc7a…, xc7k… -> xc7, xczu…, xck26…, xcvu… -> xcup."""
    if re.match(r"xc7[azksv]", part):
        return "xc7"
    if re.match(r"xc(zu|vu|ku|k26|k24|u\d)", part):
        return "xcup"
    raise ValueError(f"part '{part}' is of no known family: 7 series (xc7z…, xc7a…, xc7k…) or UltraScale+ "
                     "(xczu…, xck26…, xcvu…, xcku…)")
