"""LUTs and block RAMs of memories and multiplexers on a 7-series or UltraScale+ device, as Yosys maps them."""

from __future__ import annotations

from functools import lru_cache

FF_IN_LUTS = 0.25
"""What a flip-flop is weighed at where a choice trades them for LUTs: a slice has two or more for each LUT."""


def ram_luts(width: int, rows: int) -> int:
    """LUTs of a distributed memory with one write and one read port: RAM32M, RAM64M, RAM128X1D, RAM256X1D."""
    if rows <= 32:
        return 4 * -(-width // 6)
    if rows <= 64:
        return 4 * -(-width // 3)
    return width * 4 * -(-rows // 128)


def rom_luts(rows: int) -> float:
    """LUTs of one bit of a constant memory."""
    return max(0.25, rows / 64)


def multiplexer_luts(choices: int) -> int:
    """LUTs of one bit of a multiplexer."""
    return 0 if choices <= 1 else -(-choices // 4)


def select_luts(bits: int, depth: int, greatest: int) -> int:
    """LUTs that choose one of `depth` inputs for a lane, beside those of its product, which for weights of -1, 0, 1 choose of two."""
    return 0 if depth <= 2 and greatest == 1 else bits * multiplexer_luts(depth)


@lru_cache(maxsize=1 << 16)
def block_rams(width: int, rows: int) -> int:
    """18 Kbit block RAMs, in the shape that takes least."""
    shapes = [(512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)]
    return min(-(-rows // depth) * -(-width // bits) for depth, bits in shapes)
