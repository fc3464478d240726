"""Hand-made networks over the operators of the importer's table, opsets 9 to the newest that onnxruntime takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.fuzz.builder import Builder, Signal
from tests.fuzz.heads import Head, head, integer_head
from tests.fuzz.integers import dequantised, integer_layer, quantise_linear
from tests.fuzz.network import Network
from tests.fuzz.operators import BEHIND, MONOTONE, applied, tail
from tests.fuzz.quantisers import quantised
from tests.fuzz.readable import readable
from tests.fuzz.segments import Segments
from tests.fuzz.weights import Weights, bias, weights

NEWEST = 26
"""The newest opset of onnxruntime 1.25."""

MEASURED = 64


def graph_network(seed: int) -> Network:
    rng = np.random.default_rng([seed, 1])
    opset = int(rng.integers(9, 13)) if rng.random() < 0.08 else int(rng.integers(13, NEWEST + 1))
    style = ("qdq", "qonnx", "mixed", "integers")[rng.choice(4, p=[0.42, 0.4, 0.1, 0.08])] if opset >= 13 else "qonnx"
    b = Builder(seed, opset, pow2=bool(rng.random() < 0.6))
    b.note(f"opset {opset}, {style}, {'power-of-two' if b.pow2 else 'float'} scales")
    start = integer_head(b) if style == "integers" else head(b, _style(b, style))
    signal = _integer_layers(b, start) if style == "integers" else _layers(b, start, style)
    output, shape, kind = tail(b, signal)
    batch = start.batch
    model = b.model([batch, *start.shape], output, [None if batch == -1 else batch, *shape], kind)
    return Network("graphs", seed, "; ".join(b.notes), model.SerializeToString(), start.inputs)


def _layers(b: Builder, start: Head, style: str) -> Signal:
    signal, layers = start.signal, int(b.pick(1, 2, 2, 3))
    for number in range(layers):
        if b.chance(0.3):
            signal = applied(b, signal, b.pick(*BEHIND))
        signal = _layer(b, signal, _style(b, style))
        if number < layers - 1 or b.chance(0.3):
            for _ in range(b.pick(0, 1, 1, 2)):
                signal = applied(b, signal, b.pick(*MONOTONE))
            place = "hidden" if number < layers - 1 else "output"
            signal, _ = quantised(b, _measured(b, signal, start), _style(b, style), place)
    return signal


def _integer_layers(b: Builder, start: Head) -> Signal:
    signal = start.signal
    for _ in range(int(b.pick(1, 2, 3))):
        if isinstance(signal, Signal):
            signal = quantise_linear(b, _measured(b, signal, start))
        signal = integer_layer(b, signal)
    return signal if isinstance(signal, Signal) else dequantised(b, signal)


def _measured(b: Builder, signal: Signal, start: Head) -> Signal:
    """The signal with the spread that it has on the inputs, where it can be had in one batch."""
    model = b.model(["batch", *start.shape], signal.tensor, None)
    x = start.inputs[:MEASURED].reshape(-1, *start.shape)
    try:
        values = Segments(readable(model), [signal.tensor])({"x": x})[signal.tensor].astype(np.float64)
    except Exception:  # noqa: BLE001 - a batch of one, fixed in a Reshape: the estimate will do
        return signal
    spread = float(np.abs(values).max() / 1.5)
    return replace(signal, spread=spread) if np.isfinite(spread) and spread > 1e-6 else signal


def _style(b: Builder, style: str) -> str:
    return b.pick("qdq", "qonnx") if style == "mixed" else style


def _layer(b: Builder, signal: Signal, style: str) -> Signal:
    width = int(b.rng.integers(2, 11)) if b.chance(0.8) else signal.width
    kind = b.pick("MatMul", "MatMul", "Gemm", "Gemm", "rank 3") if style == "qdq" or b.chance(0.9) else "MatMul"
    transposed = b.chance(0.5)
    matrix = weights(b, signal.width, width, style, transposed)
    spread = signal.spread * np.sqrt(signal.width) * 0.6
    step = (np.float32(signal.step) * matrix.scale).astype(np.float32) if signal.step else np.float32([0.01])
    b.note(f"{kind} {signal.width} x {width}")
    if kind == "Gemm":
        return _gemm(b, signal, matrix, width, style, spread, step)
    tensor = b.node("Transpose", [matrix.tensor], perm=[1, 0]) if transposed else matrix.tensor
    if kind == "rank 3":
        raised = b.squeeze("Unsqueeze", signal.tensor, [1])
        tensor = b.squeeze("Squeeze", b.node("MatMul", [raised, tensor]), [1])
    else:
        tensor = b.node("MatMul", [signal.tensor, tensor])
    if b.chance(0.5):
        inputs = [tensor, bias(b, width, style, step, spread / 2)]
        tensor = b.node("Add", inputs if b.chance(0.7) else inputs[::-1])
    return Signal(tensor, width, spread, None)


def _gemm(b: Builder, signal: Signal, matrix: Weights, width: int, style: str, spread: float, step) -> Signal:
    attributes = {"transB": 1} if matrix.transposed else b.pick({}, {"transB": 0})
    if b.chance(0.15):
        attributes |= {"alpha": b.pick(0.5, 2.0) if b.pow2 else b.pick(0.5, 0.3)}
        spread *= attributes["alpha"]
    inputs = [signal.tensor, matrix.tensor]
    if b.chance(0.7):
        inputs.append(bias(b, width, style, step, spread / 2))
        if b.chance(0.15):
            attributes |= {"beta": b.pick(0.5, 0.0, 2.0)}
    elif b.opset < 11:
        inputs.append(b.constant(np.zeros(width)))
    signal = replace(signal, tensor=b.node("Gemm", inputs, **attributes), width=width, spread=spread, step=None)
    return signal
