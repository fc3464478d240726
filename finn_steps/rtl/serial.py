"""Layers that take one bit of each activation in a cycle, whatever their folding's `digits`: the least area.

A bit-serial adder graph spends two LUTs and two flip-flops on each adder and shifts all words out in full, 13 cycles for the net
of facts/folding.md; the bit-plane core at one bit a cycle (bitplane.py) looks five bits up in each LUT of its accumulators and
was smaller at eight cycles already, so it serves every longer II too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Sequence

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.bitplane import bitplane_core
from finn_steps.rtl.core import Core


def serial_core(layers: Sequence[SparseLayer], module: str) -> Core:
    """One pipeline for consecutive layers; see Core. Its II is the greatest number of bits of any layer's input."""
    return bitplane_core([replace(layer, folding=replace(layer.folding, digits=1)) for layer in layers], module)
