"""FINN's integer datatypes and bits for a range of integers."""

from __future__ import annotations


def own_bits(low: int, high: int) -> int:
    """Bits that hold low..high: two's complement where low is negative, else unsigned. A value that never changes has none."""
    if low == high:
        return 0
    return high.bit_length() if low >= 0 else max((-low - 1).bit_length(), high.bit_length()) + 1


def smallest_datatype(low: int, high: int) -> str:
    """The narrowest of FINN's BINARY, UINTn and INTn that holds low..high."""
    if low >= 0:
        bits = max(1, high.bit_length())
        return "BINARY" if bits == 1 else f"UINT{bits}"
    return f"INT{max((-low - 1).bit_length(), high.bit_length()) + 1}"
