"""How float inputs are quantised where the file does not say: a QONNX Quant in front of everything else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper

from finn_steps.importer.operators import CUSTOM_DOMAINS

NODE = "input_quant"
MOST_BITS = 16
AUTO_BITS = 8


@dataclass(frozen=True)
class InputQuant:
    """Inputs become scale * (q - zero_point) for the nearest whole q of `bits` bits, half to even; signed unless the zero point or
    `signed` says otherwise."""

    bits: int
    scale: float
    zero_point: int = 0
    signed: bool = True

    def __post_init__(self):
        if not 1 < self.bits <= MOST_BITS or not np.isfinite(self.scale) or self.scale <= 0:
            raise ValueError(f"--input-quant {self}: BITS must be 2 to {MOST_BITS} and SCALE above zero")

    def __str__(self) -> str:
        zero = f",{self.zero_point}" if self.zero_point else ""
        return f"{self.bits if self.signed else f'u{self.bits}'},{self.scale:.9g}{zero}"

    @classmethod
    def parse(cls, text: str) -> InputQuant:
        """BITS,SCALE[,ZERO_POINT]; `u8` is unsigned. ValueError, with an example, for another form."""
        parts = text.split(",")
        try:
            signed = not parts[0].startswith("u")
            zero_point = int(parts[2]) if len(parts) > 2 else 0
            if len(parts) not in (2, 3):
                raise ValueError(text)
            bits, scale = int(parts[0].lstrip("u")), float(parts[1])
        except ValueError:
            raise ValueError(f"--input-quant {text}: give BITS,SCALE[,ZERO_POINT], such as 8,0.03125 (-4 to 4) or u8,0.00390625 (0 to 1), or "
                             "auto with --data") from None
        return cls(bits, scale, zero_point, signed)

    @classmethod
    def from_data(cls, x: np.ndarray, bits: int = AUTO_BITS) -> InputQuant:
        """The finest power-of-two scale with which no value of x (float [N, features]) is clipped; unsigned without negative values."""
        x = np.asarray(x, np.float64)
        if not x.size or not np.all(np.isfinite(x)):
            raise ValueError("--input-quant auto needs data without NaN and infinities")
        signed = bool(x.min() < 0)
        steps = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
        reach = max(float(np.abs(x).max()), 2.0**-20)
        return cls(bits, float(2.0 ** np.ceil(np.log2(reach / steps))), 0, signed)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """float32 inputs as the quantised network sees them, in float32."""
        low, high = (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)
        q = np.asarray(x, np.float32) / np.float32(self.scale) + np.float32(self.zero_point)
        return (np.rint(np.clip(q, low, high)) - np.float32(self.zero_point)) * np.float32(self.scale)


def with_input_quantiser(model: onnx.ModelProto, quant: InputQuant) -> onnx.ModelProto:
    """A copy of the model whose input goes through a Quant node first."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    given = {tensor.name for tensor in graph.initializer}
    value = next(value for value in graph.input if value.name not in given)
    quantised = f"{value.name}/{NODE}"
    for node in graph.node:
        for position, name in enumerate(node.input):
            if name == value.name:
                node.input[position] = quantised
    parameters = {"scale": quant.scale, "zero_point": quant.zero_point, "bits": quant.bits}
    names = [f"{quantised}/{key}" for key in parameters]
    graph.initializer.extend(numpy_helper.from_array(np.float32(number), name) for number, name in zip(parameters.values(), names))
    graph.node.insert(0, helper.make_node("Quant", [value.name, *names], [quantised], name=NODE, domain=CUSTOM_DOMAINS[0],
                                          signed=int(quant.signed), narrow=0, rounding_mode="ROUND"))
    if not any(entry.domain in CUSTOM_DOMAINS for entry in copy.opset_import):
        copy.opset_import.append(helper.make_opsetid(CUSTOM_DOMAINS[0], 1))
    return copy
