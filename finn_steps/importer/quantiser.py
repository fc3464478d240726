"""What a Quant or BipolarQuant node does, read once: its integer range, scale and zero point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from qonnx.custom_op.general.intquant import max_int, min_int

from finn_steps.accelerator import smallest_datatype
from finn_steps.importer.model_file import ROUNDS_FIRST, attribute

ROUNDING_MODES = ("ROUND", "HALF_EVEN", "FLOOR", "CEIL", "DOWN")
MOST_BITS = 12


@dataclass(frozen=True, eq=False)
class Levels:
    """The values that a quantised tensor takes: float = (integer - zero_point) * scale, integer in low..high.

    bipolar: the integers are -1 and 1 only; inside the network they are stored as BINARY b with integer = 2 b - 1.
    scale is float32, a scalar for activations.
    """

    low: int
    high: int
    scale: np.ndarray
    zero_point: int = 0
    bipolar: bool = False

    @property
    def datatype(self) -> str:
        """FINN's datatype of the stored integers."""
        if self.bipolar:
            return "BINARY"
        return "TERNARY" if (self.low, self.high) == (-1, 1) else smallest_datatype(self.low, self.high)

    def stored(self, integers: np.ndarray) -> np.ndarray:
        """The model's integers as the network stores them."""
        integers = np.asarray(integers).astype(np.int64)
        return (integers + 1) // 2 if self.bipolar else integers


@dataclass(frozen=True, eq=False)
class Quantiser:
    """One quantiser node. `scale` may have any shape that broadcasts against the quantised tensor."""

    name: str
    low: int
    high: int
    scale: np.ndarray
    zero_point: int
    rounding: str
    bipolar: bool
    divides: bool
    rounds_first: bool = False

    @classmethod
    def of(cls, node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> Quantiser:
        """ValueError, naming the node, for a scale, zero point, bit width or rounding mode that is not supported.
        divides: a Quant divides by its scale before it rounds or takes the sign; BipolarQuant does not.
        rounds_first: QuantizeLinear adds the zero point behind the rounding, Quant before it."""
        parameters = []
        for tensor in node.input[1:]:
            if tensor not in constants:
                raise ValueError(f"node {node.name} ({node.op_type}) computes its {tensor}; supported: constant scale, "
                                 "zero point and bit width")
            parameters.append(constants[tensor])
        scale = parameters[0].astype(np.float32)
        if np.any(scale <= 0) or not np.all(np.isfinite(scale)):
            raise ValueError(f"node {node.name} ({node.op_type}) has a scale of {scale.min()}; supported: scales above zero")
        if node.op_type == "BipolarQuant":
            return cls(node.name, -1, 1, scale, 0, "ROUND", True, False)
        zero_point, bits = parameters[1], parameters[2]
        if np.unique(zero_point).size != 1 or np.unique(bits).size != 1:
            raise ValueError(f"node {node.name} (Quant) has zero points or bit widths by channel; supported: one of each")
        zero_point, bits = float(zero_point.flat[0]), float(bits.flat[0])
        if zero_point != int(zero_point):
            raise ValueError(f"node {node.name} (Quant) has zero point {zero_point}; supported: whole numbers")
        signed, narrow = attribute(node, "signed", 1), attribute(node, "narrow", 0)
        rounding = attribute(node, "rounding_mode", "ROUND").upper()
        if rounding == "ROUND_TO_ZERO":
            rounding = "DOWN"
        if rounding not in ROUNDING_MODES:
            raise ValueError(f"node {node.name} (Quant) has rounding mode {rounding}; supported: {', '.join(ROUNDING_MODES)}")
        if signed and bits == 1:
            return cls(node.name, -1, 1, scale, int(zero_point), rounding, True, True)
        low, high = min_int(signed, narrow, bits), max_int(signed, narrow, bits)
        if low != int(low) or high != int(high) or low >= high:
            raise ValueError(f"node {node.name} (Quant) has {bits} bits, range {low}..{high}; supported: whole numbers")
        return cls(node.name, int(low), int(high), scale, int(zero_point), rounding, False, True,
                   bool(attribute(node, ROUNDS_FIRST, 0)))

    @property
    def levels(self) -> Levels:
        """As an activation. ValueError for scales by channel or too many bits."""
        if np.unique(self.scale).size != 1:
            raise ValueError(f"node {self.name} quantises activations with a scale for each channel; supported: one scale "
                             "for the tensor")
        if self.high - self.low >= 2**MOST_BITS:
            raise ValueError(f"node {self.name} gives activations {self.low}..{self.high}; supported: up to {MOST_BITS} bits")
        return Levels(self.low, self.high, np.float32(self.scale.flat[0]), self.zero_point, self.bipolar)

    def integers(self, values: np.ndarray) -> np.ndarray:
        """float32 values -> int64, by the operator's own float32 arithmetic."""
        scaled = np.asarray(values, np.float32)
        if self.divides:
            scaled = scaled / self.scale
            scaled = (np.rint(scaled) if self.rounds_first else scaled) + np.float32(self.zero_point)
        if self.bipolar:
            return np.where(scaled >= 0, 1, -1).astype(np.int64)
        rounding = {"FLOOR": np.floor, "CEIL": np.ceil, "DOWN": np.trunc}.get(self.rounding, np.rint)
        return rounding(np.clip(scaled, self.low, self.high)).astype(np.int64)
