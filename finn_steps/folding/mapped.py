"""LUTs that Yosys 0.70 takes for multiplexers and constant memories, measured one by one (synth_xilinx; random contents).

What a device could do is in rtl/lut_sizes.py, and decides how layers are built; wide multiplexers come out at twice that.
"""

from __future__ import annotations


def multiplexer(choices: int) -> float:
    """Of one bit, chosen by a binary number. Measured: 4 of 12 choices, 7.8 of 16, 8.4 to 14 of 24, 15.3 of 32, 27 of 64, 54 of 98."""
    return -(-(choices - 1) // 3) if choices <= 12 else 0.47 * choices


def constant_memory(width: int, rows: int) -> float:
    """Words of `width` bits. Measured for a bit: none of 3 rows, 0.6 of 6, 1 of 8 to 64, 2 of 128, 4 of 200 and of 256, 10.6 of 512."""
    if rows <= 6:
        return width * (0.1, 0.6)[rows > 3]
    blocks = max(1, 1 << (-(-rows // 64) - 1).bit_length())
    return width * blocks * (1.3 if blocks > 4 else 1)
