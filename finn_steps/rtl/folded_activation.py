"""From a finished accumulator to a layer's output, in a folded layer: the cheapest exact of five ways.

Each unit of the collector has one activation; it is told which of its rows an accumulator belongs to by `beat`.
raw      acc plus its row's least value, for a layer without thresholds
shift    thresholds of every row are an arithmetic series of step 2**shift: add an offset, shift, clip
table    one word for each reachable accumulator of each row, addressed by accumulator plus an offset
window   the same, where thresholds lie close together: all accumulators below or above them share an entry
search   binary search over the row's thresholds, one pipeline stage for each output bit
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl.lut_sizes import block_rams
from finn_steps.rtl.stage import instance

BRAM_IN_LUTS = 190
"""What an 18 Kbit block RAM is weighed at, in LUTs: their ratio on the xc7z020."""


@dataclass(frozen=True, eq=False)
class RowRange:
    """Accumulators as the PEs have them, counted from the value where every input is at the end of its datatype that makes it least: lanes
    count so. Inputs with ranges of their own reach less than that.

    least, high  int64 [MH], that value, and the greatest count
    thresholds   int64 [MH, steps] or None, counted alike, clipped to 0..high + 1: always and never reached
    """

    least: np.ndarray
    high: np.ndarray
    thresholds: np.ndarray | None

    @classmethod
    def of(cls, layer: SparseLayer) -> RowRange:
        least = least_accumulators(layer)
        high = layer.accumulator_max - least
        if layer.thresholds is None:
            return cls(least, high, None)
        return cls(least, high, np.clip(layer.thresholds - least[:, None], 0, high[:, None] + 1))

    @property
    def bits(self) -> int:
        """Of an unsigned accumulator that also holds high + 1."""
        return (int(self.high.max()) + 1).bit_length()


@dataclass(frozen=True, eq=False)
class Activation:
    """kind, cycles from acc to y, and how to instantiate it for one unit: body(rows of its beats, prefix) -> text, memories. blocks:
    memories may be block RAM."""

    kind: str
    cycles: int
    layer: SparseLayer
    ranges: RowRange
    shift: int = 0
    offsets: np.ndarray | None = None
    blocks: bool = True

    def memories(self, units: int, beats: int) -> list[tuple[int, int]]:
        """(width, rows) of the constant memories of all units, about: a unit's share of a table is taken to be all units'."""
        bits, found = self.ranges.bits, self._found
        if self.kind == "search":
            memories = [(bits, beats << stage) for stage in range(found)]
        elif self.kind == "table":
            entries = -(-self.entries // units)
            memories = [(entries.bit_length(), beats), (found, entries)]
        elif self.kind == "window":
            memories = [(bits + 1, beats), (found, beats << self.window_bits)]
        else:
            memories = [(DataType[self.layer.odt].bitwidth() if self.kind == "raw" else bits, beats)]
        return memories * units

    @cached_property
    def entries(self) -> int:
        """Reachable accumulators of all rows."""
        return int((self.ranges.high + 1).sum())

    @cached_property
    def window_bits(self) -> int:
        return window(self.ranges)[1]

    def _block(self, width: int, depth: int) -> int:
        return int(self.blocks and in_block(width, depth))

    def body(self, rows: np.ndarray, prefix: str, acc: str, beat: str, y: str) -> tuple[str, dict[str, str]]:
        """One unit's text and memory files. rows int64 [beats], -1 where the unit has none."""
        return getattr(self, f"_{self.kind}")(rows, prefix, acc, beat, y)

    def _raw(self, rows, prefix, acc, beat, y):
        width = DataType[self.layer.odt].bitwidth()
        return self._offset_add(self.ranges.least, rows, prefix, width, acc, beat, y)

    def _shift(self, rows, prefix, acc, beat, y):
        limit = int(max((self.ranges.high + self.offsets).max(), self.layer.steps << self.shift))
        width = signed_bits(int(self.offsets.min()), limit)
        text = f"  wire signed [{width - 1}:0] {prefix}_v;\n  wire [{self._found - 1}:0] {prefix}_found;\n"
        added, memories = self._offset_add(self.offsets, rows, prefix, width, acc, beat, f"{prefix}_v")
        parameters = {"VBITS": width, "SHIFT": self.shift, "STEPS": self.layer.steps}
        ports = {"clk": "ap_clk", "v": f"{prefix}_v", "found": f"{prefix}_found"}
        text += added + instance("shift_clip", f"{prefix}_clip", parameters, ports)
        return text + self._code(prefix, y), memories

    def _table(self, rows, prefix, acc, beat, y):
        there, offsets = rows[rows >= 0], np.zeros(self.layer.MH, dtype=np.int64)
        lengths = self.ranges.high[there] + 1
        offsets[there] = np.cumsum(lengths) - lengths
        words = np.concatenate([np.searchsorted(self.ranges.thresholds[row], np.arange(length), side="right")
                                for row, length in zip(there, lengths)])
        width = max(1, (len(words) - 1).bit_length())
        text = f"  wire [{width - 1}:0] {prefix}_place;\n  wire [{self._found - 1}:0] {prefix}_found;\n"
        added, memories = self._offset_add(offsets, rows, prefix, width, acc, beat, f"{prefix}_place")
        parameters = {"WIDTH": self._found, "DEPTH": len(words), "BLOCK": self._block(self._found, len(words)),
                      "FILE": f"{prefix}_table.mem"}
        ports = {"clk": "ap_clk", "address": f"{prefix}_place", "data": f"{prefix}_found"}
        text += added + instance("rom", f"{prefix}_table", parameters, ports)
        memories[f"{prefix}_table.mem"] = memory_text(words, self._found)
        return text + self._code(prefix, y), memories

    def _window(self, rows, prefix, acc, beat, y):
        base, bits = window(self.ranges)
        entries = base[:, None] + np.arange(1 << bits)
        codes = [np.searchsorted(steps, places, side="right") for steps, places in zip(self.ranges.thresholds, entries)]
        words = np.where(rows[:, None] >= 0, np.array(codes)[rows], 0).ravel()
        width, beat_bits = signed_bits(-int(base.max()), int((self.ranges.high - base).max())), max(1, (len(rows) - 1).bit_length())
        width = max(width, bits + 1)
        text = f"  wire signed [{width - 1}:0] {prefix}_v;\n  wire [{self._found - 1}:0] {prefix}_found;\n"
        text += f"  wire [{bits - 1}:0] {prefix}_clipped;\n  logic [{bits - 1}:0] {prefix}_place;\n"
        if len(rows) > 1:
            text += f"  logic [{3 * beat_bits - 1}:0] {prefix}_beats;\n"
            text += f"  always_ff @(posedge ap_clk) {prefix}_beats <= {{{prefix}_beats[{2 * beat_bits - 1}:0], {beat}}};\n"
        # A register of its own, so that a synthesis tool does not take the clipping for a part of the table.
        text += f"  always_ff @(posedge ap_clk) {prefix}_place <= {prefix}_clipped;\n"
        added, memories = self._offset_add(-base, rows, prefix, width, acc, beat, f"{prefix}_v")
        parameters = {"VBITS": width, "SHIFT": 0, "STEPS": (1 << bits) - 1}
        ports = {"clk": "ap_clk", "v": f"{prefix}_v", "found": f"{prefix}_clipped"}
        text += added + instance("shift_clip", f"{prefix}_clip", parameters, ports)
        place = f"{{{prefix}_beats[{2 * beat_bits}+:{beat_bits}], {prefix}_place}}" if len(rows) > 1 else f"{prefix}_place"
        parameters = {"WIDTH": self._found, "DEPTH": len(words), "BLOCK": self._block(self._found, len(words)),
                      "FILE": f"{prefix}_table.mem"}
        text += instance("rom", f"{prefix}_table", parameters, {"clk": "ap_clk", "address": place, "data": f"{prefix}_found"})
        memories[f"{prefix}_table.mem"] = memory_text(words, self._found)
        return text + self._code(prefix, y), memories

    def _search(self, rows, prefix, acc, beat, y):
        text, memories, bits = "", {}, self.ranges.bits
        never = int(self.ranges.high.max()) + 1
        beat_bits = max(1, (len(rows) - 1).bit_length())
        found = f"{self._found}'b0"
        for stage, bit in enumerate(range(self._found - 1, -1, -1)):
            places = (np.arange(1 << stage) << bit + 1) + (1 << bit) - 1
            there = (rows[:, None] >= 0) & (places < self.layer.steps)
            words = np.where(there, self.ranges.thresholds[rows][:, np.minimum(places, self.layer.steps - 1)], never).ravel()
            name = f"{prefix}_search{stage}"
            memories[f"{name}.mem"] = memory_text(words, bits)
            onward = "" if bit else "_unused"
            wires = {f"acc{onward}": bits, f"beat{onward}": beat_bits, "found": self._found}
            text += "".join(f"  wire [{width - 1}:0] {name}_{wire};\n" for wire, width in wires.items())
            parameters = {"ACCBITS": bits, "BEATS": len(rows), "FOUND": self._found, "BIT": bit,
                          "BLOCK": self._block(bits, len(words)), "FILE": f"{name}.mem"}
            ports = {"clk": "ap_clk", "acc": acc, "beat": beat, "found": found}
            acc, beat, found = f"{name}_acc{onward}", f"{name}_beat{onward}", f"{name}_found"
            text += instance("search_stage", name, parameters, ports | {"next_acc": acc, "next_beat": beat, "next_found": found})
        text += f"  wire [{self._found - 1}:0] {prefix}_found = {found};\n"
        return text + self._code(prefix, y), memories

    def _offset_add(self, offsets, rows, prefix, width, acc, beat, y):
        words = [int(offsets[row]) if row >= 0 else 0 for row in rows]
        parameters = {"ACCBITS": self.ranges.bits, "YBITS": width, "BEATS": len(rows), "BLOCK": self._block(width, len(rows)),
                      "FILE": f"{prefix}_offset.mem"}
        text = instance("offset_add", f"{prefix}_offset", parameters, {"clk": "ap_clk", "acc": acc, "beat": beat, "y": y})
        return text, {f"{prefix}_offset.mem": memory_text(words, width)}

    def _code(self, prefix: str, y: str) -> str:
        """The output code of `found` thresholds reached: the least value of odt plus their number."""
        odt = DataType[self.layer.odt]
        width = odt.bitwidth()
        least = 0 if self.layer.odt == "BIPOLAR" else int(odt.min()) % (1 << width)
        return f"  assign {y} = {width}'({prefix}_found) + {width}'d{least};\n"

    @property
    def _found(self) -> int:
        return self.layer.steps.bit_length()

    @property
    def library(self) -> tuple[str, ...]:
        clipping = ("offset_add", "shift_clip", "rom")
        return {"raw": ("offset_add", "rom"), "shift": clipping, "table": ("offset_add", "rom"), "window": clipping,
                "search": ("search_stage", "rom")}[self.kind]


def choose_activation(layer: SparseLayer) -> Activation:
    """The cheapest by a rough count of LUTs."""
    ranges = RowRange.of(layer)
    if ranges.thresholds is None:
        return Activation("raw", 1, layer, ranges)
    series = arithmetic_series(ranges)
    if series is not None:
        return Activation("shift", 2, layer, ranges, *series)
    stages = layer.steps.bit_length()
    search = sum(memory_luts(ranges.bits, layer.MH << stage) + ranges.bits for stage in range(stages))
    entries = int((ranges.high + 1).sum())
    table = memory_luts(stages, entries) + memory_luts(entries.bit_length(), layer.MH) + entries.bit_length()
    bits = window(ranges)[1]
    windowed = memory_luts(stages, layer.MH << bits) + memory_luts(ranges.bits + 1, layer.MH) + ranges.bits + 1 + bits
    _, kind, cycles = min((search, "search", stages), (table, "table", 2), (windowed, "window", 4))
    return Activation(kind, cycles, layer, ranges)


def accumulator_bits(layer: SparseLayer) -> int:
    """RowRange.bits, without the thresholds."""
    return (int((layer.accumulator_max - least_accumulators(layer)).max()) + 1).bit_length()


def least_accumulators(layer: SparseLayer) -> np.ndarray:
    """int64 [MH]: RowRange.least."""
    return layer.accumulator_min if layer.input_range is None else replace(layer, input_range=None).accumulator_min


def window(ranges: RowRange) -> tuple[np.ndarray, int]:
    """(base int64 [MH], bits): from base[row], 2**bits accumulators on, lie all places where an output of the row changes."""
    inner = (ranges.thresholds > 0) & (ranges.thresholds <= ranges.high[:, None])
    first = np.where(inner, ranges.thresholds, ranges.high.max() + 1).min(1)
    last = np.where(inner, ranges.thresholds, 0).max(1)
    base = np.where(inner.any(1), first - 1, 0)
    return base, max(1, int(np.where(inner.any(1), last - base, 1).max()).bit_length())


def arithmetic_series(ranges: RowRange) -> tuple[int, np.ndarray] | None:
    """(shift, offsets int64 [MH]) with clip(acc + offset >> shift, 0, steps) thresholds reached, for every row; or None."""
    places = np.arange(ranges.thresholds.shape[1])
    inner = (ranges.thresholds > 0) & (ranges.thresholds <= ranges.high[:, None])
    first, reached = inner.argmax(1), (ranges.thresholds <= 0).sum(1)
    start = np.take_along_axis(ranges.thresholds, first[:, None], 1)[:, 0]
    for shift in range(ranges.bits + 1):
        base = np.where(inner.any(1), start - (first << shift), -((reached - 1) << shift))
        series = np.clip(base[:, None] + (places << shift), 0, ranges.high[:, None] + 1)
        if np.array_equal(series, ranges.thresholds):
            return shift, (1 << shift) - base
    return None


def memory_luts(width: int, depth: int) -> float:
    """LUTs, or block RAMs weighed as LUTs, of a constant memory."""
    return min(_logic_luts(width, depth), block_rams(width, depth) * BRAM_IN_LUTS)


def in_block(width: int, depth: int) -> int:
    """1 where a constant memory of this shape belongs into block RAM, else 0."""
    return int(block_rams(width, depth) * BRAM_IN_LUTS < _logic_luts(width, depth))


def _logic_luts(width: int, depth: int) -> float:
    return width * max(0.5, depth / 64 * (1 if depth <= 256 else 1.35))


def memory_text(words: Sequence[int], width: int) -> str:
    """A file for $readmemh; negative words in two's complement."""
    digits = (width + 3) // 4
    if width > 63:
        return "".join(f"{word % (1 << width):0{digits}x}\n" for word in words)
    numbers = np.asarray(words, dtype=np.int64) & (1 << width) - 1
    lines = np.frombuffer(numbers.astype(">i8").tobytes().hex().encode(), dtype=np.uint8).reshape(-1, 16)[:, 16 - digits:]
    return np.pad(lines, ((0, 0), (0, 1)), constant_values=ord("\n")).tobytes().decode()


def signed_bits(low: int, high: int) -> int:
    """Bits of a signed integer that holds low..high."""
    return max((-low - 1 if low < 0 else 0).bit_length(), max(high, 0).bit_length()) + 1
