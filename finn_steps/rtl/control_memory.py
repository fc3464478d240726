"""Where the constant memories of a folded layer are kept: block RAM as far as its folding allows, and logic.

The control words may be cut: some of their columns in block RAM, the others in logic. What goes into block RAM is stored once for all
columns that are alike (lanes in step have one address; a magnitude that never changes is no memory at all); in logic, synthesis sees
that itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from finn_steps.rtl.folded_activation import in_block, memory_text
from finn_steps.rtl.lut_sizes import block_rams
from finn_steps.rtl.stage import instance


@dataclass(frozen=True)
class Division:
    """control: of the stored columns of the control words, how many are in block RAM; others: whether other memories may be."""

    control: int
    others: bool


def divided(stored: int, rows: int, others: Sequence[tuple[int, int]], blocks: int) -> Division:
    """For control words of `stored` columns and `rows`, and `others` (width, rows), in at most `blocks` block RAMs of 18 Kbit; -1: as
    many as cost less than logic. The other memories, which are small, go first."""
    pays = bool(in_block(stored, rows))
    if blocks < 0:
        return Division(stored * pays, True)
    taken = sum(block_rams(width, depth) for width, depth in others if in_block(width, depth))
    fit = taken <= blocks
    return Division(widest(rows, blocks - taken * fit, stored) * pays, fit)


@lru_cache(maxsize=1 << 14)
def widest(rows: int, blocks: int, most: int) -> int:
    """The most columns of a memory of so many rows that `blocks` block RAMs hold, `most` at the most."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if block_rams(middle, rows) <= blocks else (low, middle - 1)
    return low


@dataclass(frozen=True, eq=False)
class ControlMemory:
    """bits: bool [T, width], the control words, column 0 lowest."""

    bits: np.ndarray

    @cached_property
    def places(self) -> list[int | str]:
        """For each column which of the stored ones it is, or the constant that it always is, as Verilog."""
        columns, found, known = np.packbits(self.bits.T, axis=1), [], {}
        constants = {np.packbits(np.full(len(self.bits), value)).tobytes(): f"1'b{value}" for value in (0, 1)}
        for column in columns:
            key = column.tobytes()
            found.append(constants[key] if key in constants else known.setdefault(key, len(known)))
        return found

    @cached_property
    def columns(self) -> np.ndarray:
        """int64 [stored]: for each stored column one that is like it."""
        first = {place: column for column, place in reversed(list(enumerate(self.places))) if type(place) is int}
        return np.array([first[place] for place in range(len(first))], dtype=np.int64)

    def text(self, name: str, blocked: int) -> tuple[str, dict[str, str]]:
        """Memories `<name>_schedule...` that drive the wire `<name>_control` from `<name>_step`, the first `blocked` stored columns in
        block RAM; and their files."""
        T, width = self.bits.shape
        text = f"  wire [{width - 1}:0] {name}_control;\n"
        if not blocked:
            return text + rom(f"{name}_schedule", f"{name}_step", f"{name}_control", (width, T), 0, f"{name}_control.mem"), {
                f"{name}_control.mem": self._words(np.arange(width))}
        stored, memories = self.columns, {}
        text += f"  wire [{len(stored) - 1}:0] {name}_stored;\n"
        for kind, first, end in (("block", 0, blocked), ("logic", blocked, len(stored))):
            if first < end:
                file, wires = f"{name}_control_{kind}.mem", f"{name}_stored[{end - 1}:{first}]"
                text += rom(f"{name}_schedule_{kind}", f"{name}_step", wires, (end - first, T), int(kind == "block"), file)
                memories[file] = self._words(stored[first:end])
        pieces = [place if type(place) is str else f"{name}_stored[{place}]" for place in reversed(self.places)]
        lines = [", ".join(pieces[start: start + 8]) for start in range(0, width, 8)]
        return text + f"  assign {name}_control = {{\n      {(',' + chr(10) + '      ').join(lines)}}};\n", memories

    def _words(self, columns: np.ndarray) -> str:
        """The file of a memory of these columns."""
        packed = np.packbits(self.bits[:, columns], axis=1, bitorder="little")
        return memory_text([int.from_bytes(word.tobytes(), "little") for word in packed], len(columns))


def rom(name: str, address: str, data: str, shape: tuple[int, int], block: int, file: str) -> str:
    """An instance of rom.sv of (width, rows)."""
    parameters = {"WIDTH": shape[0], "DEPTH": shape[1], "BLOCK": block, "FILE": file}
    return instance("rom", name, parameters, {"clk": "ap_clk", "address": address, "data": data})
