"""A chain of HGQ2's layers as QONNX: the same float32 numbers, operator by operator.

A quantiser becomes Mul, its rounding, Max and Min (or Mod, at the ends, where the host wraps), a Quant that says how many bits each
channel has, and Mul. Between layers a channel that can overflow and wraps stands twice, as two neurons of equal weights: u, the
number that was not wrapped, and h, how often it went over; the layer behind reads u - span * h. Which channels can is known from interval
arithmetic over all inputs. So WRAP costs a comparison where it can happen, and nothing where it cannot.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from finn_steps.hgq2.network import Activation, Affine, Chain, Dense, Quantiser

OPSET, IR = 17, 8
QONNX = "qonnx.custom_op.general"
LARGEST = float(np.finfo(np.float32).max)
Limits = tuple[np.ndarray, np.ndarray]


def emit(chain: Chain, name: str) -> onnx.ModelProto:
    """ValueError, naming the step, for what cannot be exact."""
    return _Emitter(chain, name).model()


def limits_of(chain: Chain) -> list[Limits]:
    """In front of each step the least and the greatest value of every channel, float64, for all inputs."""
    low, high = np.full(chain.features, -LARGEST), np.full(chain.features, LARGEST)
    found = []
    for step in chain.steps:
        found.append((low, high))
        if isinstance(step, Quantiser):
            low, high = step.bounds(low, high)
        elif isinstance(step, Dense):
            positive, negative = np.maximum(step.weights, 0), np.minimum(step.weights, 0)
            low, high = positive @ low + negative @ high + step.bias, positive @ high + negative @ low + step.bias
        elif isinstance(step, Affine):
            ends = step.factor * low + step.shift, step.factor * high + step.shift
            low, high = np.minimum(*ends), np.maximum(*ends)
        elif step.kind == "relu":
            low, high = np.maximum(low, 0), np.maximum(high, 0)
    return found


class _Emitter:
    """owner, part  int64 [columns]: which channel each column of `tensor` is of, and 1 where it is the h of it.
    grid         the quantiser whose numbers `tensor` has, or None"""

    def __init__(self, chain: Chain, name: str):
        self.chain, self.name, self.limits = chain, name, limits_of(chain)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.tensor, self.owner, self.part = "x", np.arange(chain.features), np.zeros(chain.features, np.int64)
        self.grid: Quantiser | None = None

    def model(self) -> onnx.ModelProto:
        dense = [place for place, step in enumerate(self.chain.steps) if isinstance(step, Dense)]
        if not dense:
            raise ValueError(f"{self.name} has no QDense layer")
        for place, step in enumerate(self.chain.steps):
            if isinstance(step, Quantiser):
                self._quantiser(step, place, "input" if place < dense[0] else "output" if place > dense[-1] else "hidden")
            elif isinstance(step, Dense):
                self._dense(step, place)
            elif isinstance(step, Affine):
                self._affine(step)
            else:
                self._activation(step, place, dense[-1])
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(self.nodes, self.name, [_value("x", self.chain.features)], [_value("y", len(self.owner))], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(QONNX, 1)], ir_version=IR)

    def _add(self, kind: str, where: str, *values: np.ndarray, **attributes) -> None:
        count = len(self.nodes)
        names = [f"{where}/{kind}{count}/{place}" for place in range(len(values))]
        self.constants += [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in zip(names, values)]
        output = f"{where}/{kind}{count}"
        domain = {"domain": QONNX} if kind == "Quant" else {}
        self.nodes.append(helper.make_node(kind, [self.tensor, *names], [output], name=f"{where}/{kind}", **domain, **attributes))
        self.tensor = output

    def _dense(self, step: Dense, place: int) -> None:
        if self.grid is None:
            raise ValueError(f"layer {step.name} takes float inputs: there is no quantiser in front of it")
        weights = step.weights[:, self.owner] * np.where(self.part == 1, -1, 1)
        again = self._overflowing(place)
        self.owner = np.concatenate([np.arange(len(weights)), again])
        self.part = np.concatenate([np.zeros(len(weights), np.int64), np.ones(len(again), np.int64)])
        self._add("MatMul", step.name, weights[self.owner].T)
        if np.any(step.bias):
            self._add("Add", step.name, step.bias[self.owner])
        self.grid = None

    def _overflowing(self, place: int) -> np.ndarray:
        """int64: the channels of a layer that the next quantiser wraps for some inputs, if the hardware does it."""
        steps = self.chain.steps
        following = next((number for number in range(place + 1, len(steps)) if isinstance(steps[number], Quantiser)), None)
        if following is None or not any(isinstance(step, Dense) for step in steps[following:]) or not steps[following].wraps:
            return np.zeros(0, np.int64)
        return np.flatnonzero(~steps[following].keeps(*self.limits[following]))

    def _affine(self, step: Affine) -> None:
        if np.any(self.part) and self.grid is not None:
            raise ValueError(f"layer {step.name} stands behind a quantiser that wraps; supported there: QDense")
        self._add("Mul", step.name, step.factor[self.owner])
        self._add("Add", step.name, step.shift[self.owner])
        self.grid = None

    def _activation(self, step: Activation, place: int, last: int) -> None:
        if step.kind == "softmax":
            if place < last:
                raise ValueError(f"layer {step.name} has a softmax between layers; supported: at the end")
            return self._add("Softmax", step.name, axis=-1)
        if np.any(self.part) and self.grid is not None:
            raise ValueError(f"layer {step.name} has a relu behind a quantiser that wraps; supported there: QDense")
        self._add("Relu", step.name)

    def _quantiser(self, step: Quantiser, place: int, where: str) -> None:
        low, high = self.limits[place]
        if self.grid is not None and np.all((step.fraction >= self.grid.fraction) | (low == high)) and np.all(step.keeps(low, high)):
            return
        if self.grid is not None and (np.any(self.part) or step.wraps and where == "hidden" and not np.all(step.keeps(low, high))):
            raise ValueError(f"quantiser {step.name} (WRAP) stands behind another quantiser and can overflow; supported: one of them")
        self._rounded(step)
        if where == "hidden":
            self._parts(step, low, high)
        elif step.wraps:
            self._wrapped(step)
        else:
            self._clipped(step, step.low[self.owner], step.high[self.owner])
        if where != "output":
            self._bits(step, where, low, high)
        scale = step.step * np.where(step.high > step.low, 1, 0)
        self._add("Mul", step.name, scale[self.owner] * np.where(self.part, step.span[self.owner], 1))
        self.grid = step

    def _rounded(self, step: Quantiser) -> None:
        self._add("Mul", step.name, 2.0 ** step.fraction[self.owner])
        if step.rounding == "RND":
            self._add("Add", step.name, np.float32(0.5))
        self._add("Round" if step.rounding == "RND_CONV" else "Floor", step.name)

    def _parts(self, step: Quantiser, low: np.ndarray, high: np.ndarray) -> None:
        """u of every channel, and the h of those that have one."""
        if np.any(self.part):
            self._add("Sub", step.name, np.where(self.part, step.low[self.owner], 0))
            self._add("Mul", step.name, np.where(self.part, 1 / step.span[self.owner], 1))
            self._add("Floor", step.name)
        self._clipped(step, *self._column_limits(step, low, high))

    def _column_limits(self, step: Quantiser, low: np.ndarray, high: np.ndarray) -> Limits:
        """Whole numbers of each column of a hidden quantiser."""
        ends = np.stack([step.rounded(low), step.rounded(high)])
        kept = np.clip(ends, step.low, step.high)
        over = np.floor((ends - step.low) / step.span)
        wrapping = np.isin(np.arange(len(low)), self.owner[self.part == 1])
        return tuple(np.where(self.part, over[end][self.owner], np.where(wrapping, ends[end], kept[end])[self.owner]) for end in (0, 1))

    def _clipped(self, step: Quantiser, low: np.ndarray, high: np.ndarray) -> None:
        self._add("Max", step.name, low)
        self._add("Min", step.name, high)

    def _wrapped(self, step: Quantiser) -> None:
        """By the host: Python's modulo out of C's."""
        span = step.span[self.owner]
        self._add("Sub", step.name, step.low[self.owner])
        self._add("Mod", step.name, span, fmod=1)
        self._add("Add", step.name, span)
        self._add("Mod", step.name, span, fmod=1)
        self._add("Add", step.name, step.low[self.owner])

    def _bits(self, step: Quantiser, where: str, low: np.ndarray, high: np.ndarray) -> None:
        """A Quant that changes nothing."""
        least, most = self._column_limits(step, low, high) if where == "hidden" else (step.low[self.owner], step.high[self.owner])
        signed = int(np.any(least < 0))
        sizes = [max((-int(a) - 1 if a < 0 else 0).bit_length(), max(0, int(b)).bit_length()) for a, b in zip(least, most)]
        bits = np.maximum(np.array(sizes) + signed, 1 + signed)
        self._add("Quant", step.name, np.float32(1), np.float32(0), bits, signed=signed, narrow=0, rounding_mode="ROUND")


def _value(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width])
