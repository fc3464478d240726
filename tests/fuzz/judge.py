"""What an untouched file answers, and how far float32 rounding lets anyone else's answer lie from it.

The answer is onnxruntime's on the file, optimisations off, or qonnx's operators where there are any. onnxruntime is free to add the
products of a MatMul in any order, so a sum that is not exact in float32 may be off by (n + ROUNDINGS) * 2^-24 * sum |terms|; and behind the
last layer, where the host computes, exponentials differ by TRANSCENDENTAL * 2^-24. Each such value is moved up and down by that much; a
sample whose answer then jumps is `borderline`, any other answer has a `bound`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.fuzz.readable import readable
from tests.fuzz.segments import Segments, is_qonnx, session

ROUNDINGS = 8
"""Of the factors of a product, and room for those of a few operators in front of the MatMul."""
UNIT = 2.0**-24
TRANSCENDENTAL, WAVERING = 16, 4
EXPONENTIALS = ("Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Elu", "Selu", "Celu", "Softplus", "Exp")
LAYERS = ("MatMul", "Gemm", "MatMulInteger", "QLinearMatMul", "QGemm")
PRECISION = 1e-5
"""Of the host's float32 operations behind the last layer, relative to the greatest output."""
JUMP = 1e-3
"""Relative to the greatest output: an answer that moves by more has passed a threshold."""
NOISES, MANY_NOISES = 6, 150
"""Patterns of roundings that are tried; many before a network is called wrong: some ties fall only by a rare one."""
NUMPY_TYPES = {TensorProto.FLOAT: np.float32, TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}


@dataclass(frozen=True, eq=False)
class Verdict:
    """outputs float64 [N, n]: the file's answers; bound float64 [N, n]: how far off they may be; borderline bool [N]."""

    outputs: np.ndarray
    bound: np.ndarray
    borderline: np.ndarray

    def differing(self, answers: np.ndarray) -> np.ndarray:
        """int64: the samples that are not borderline and whose answers [N, n] are out of bounds. NaN equals NaN only."""
        answers = np.asarray(answers, np.float64)
        if answers.shape != self.outputs.shape:
            return np.arange(len(self.outputs))
        near = (np.abs(answers - self.outputs) <= self.bound) | (answers == self.outputs)
        near |= np.isnan(answers) & np.isnan(self.outputs)
        return np.nonzero(~near.all(1) & ~self.borderline)[0]


def judge(model: onnx.ModelProto, x: np.ndarray, noises: int = NOISES) -> Verdict:
    """x: float32 [N, features], or of whatever type the input has. Exceptions of onnxruntime and qonnx where they cannot run it."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    value = next(v for v in model.graph.input if v.name not in initializers)
    shape = [d.dim_value for d in value.type.tensor_type.shape.dim][1:]
    kind = value.type.tensor_type.elem_type
    x = np.asarray(x).reshape(-1, *shape).astype(NUMPY_TYPES.get(kind) or helper.tensor_dtype_to_np_dtype(kind))
    model = readable(model)
    outputs = _run(_truth(model), value.name, x)
    noisy, products = _with_noise(model)
    if not products:
        return _verdict(outputs, [outputs])
    probe = Segments(noisy, [tensor for product in products for tensor in product.reads])
    bounds = _run_all(probe, {value.name: x, **{p.noise: np.zeros(1, np.float32) for p in products}}, value.name, len(x),
                      lambda values: [p.rounding(values) for p in products])
    perturbed = []
    tail = Segments(noisy)
    rng = np.random.default_rng(0)
    for number in range(noises if any(bound.any() for bound in bounds) else 0):
        signs = [(1, -1)[number] if number < 2 else rng.choice([-1, 1], bound.shape) for bound in bounds]
        noises = {p.noise: (bound * sign).astype(np.float32) for p, bound, sign in zip(products, bounds, signs)}
        perturbed.append(_run_all(tail, {value.name: x, **noises}, value.name, len(x), lambda values: list(values.values())[:1])[0])
    return _verdict(outputs, [_flat(p) for p in perturbed] or [outputs])


def _verdict(outputs: np.ndarray, perturbed: list[np.ndarray]) -> Verdict:
    finite = np.where(np.isfinite(outputs), np.abs(outputs), 0)
    with np.errstate(invalid="ignore"):
        spread = np.nan_to_num(np.max([np.abs(other - outputs) for other in perturbed], axis=0), nan=0.0, posinf=np.inf)
    greatest = max(finite.max(initial=0), 1e-30)
    return Verdict(outputs, 4 * spread + PRECISION * greatest, (spread > JUMP * greatest).any(1))


@dataclass(frozen=True)
class Product:
    """A MatMul or Gemm on floats: its operands, how they lie, and the graph input that is added to its result."""

    data: str
    weights: str
    transposed: tuple[bool, bool]
    noise: str

    @property
    def reads(self) -> tuple[str, ...]:
        return self.data, self.weights

    def rounding(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """float64, shaped as the result: zero where every partial sum is exact in float32."""
        data, weights = (np.swapaxes(values[name], -1, -2) if turned else values[name] for name, turned in zip(self.reads, self.transposed))
        if data.dtype != np.float32:
            return np.zeros((*data.shape[:-1], weights.shape[-1]))
        terms = data.astype(np.float64)[..., :, None] * weights.astype(np.float64)
        size, count = np.abs(terms).sum(-2), np.count_nonzero(terms, axis=-2)
        grid = np.where(terms == 0, np.inf, _lowest_bit(terms)).min(-2)
        return np.where(size < grid * 2.0**24, 0.0, (count + ROUNDINGS) * UNIT * size)


@dataclass(frozen=True)
class Exponential:
    """An operator that onnxruntime approximates, not always rising with its input: by an ulp or two; behind the last layer the host does so
    in its own way, too."""

    result: str
    noise: str
    ulps: int

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.result,)

    def rounding(self, values: dict[str, np.ndarray]) -> np.ndarray:
        least = 2.0**-4 if self.ulps == TRANSCENDENTAL else 0.0
        return self.ulps * UNIT * np.maximum(np.abs(values[self.result].astype(np.float64)), least)


def _with_noise(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[Product | Exponential]]:
    """The model with a graph input added behind each float MatMul and Gemm, each exponential behind the last layer, and Sigmoid and Tanh before it."""
    noisy = onnx.ModelProto()
    noisy.CopyFrom(model)
    del noisy.graph.node[:]
    last = max((number for number, node in enumerate(model.graph.node) if node.op_type in LAYERS), default=0)
    found: list[Product | Exponential] = []
    moving = {value.name for value in model.graph.input} - {tensor.name for tensor in model.graph.initializer}
    for number, node in enumerate(model.graph.node):
        noisy.graph.node.append(node)
        if not moving & set(node.input):  # of constants: the same for every sample
            continue
        moving |= set(node.output)
        output, noise, result = node.output[0], f"{node.output[0]}//noise", f"{node.output[0]}//result"
        if node.op_type in ("MatMul", "Gemm"):
            flags = {a.name: a.i for a in node.attribute}
            found.append(Product(node.input[0], node.input[1], (bool(flags.get("transA")), bool(flags.get("transB"))), noise))
        elif node.op_type in (EXPONENTIALS if number > last else ("Sigmoid", "Tanh")):
            found.append(Exponential(result, noise, TRANSCENDENTAL if number > last else WAVERING))
        else:
            continue
        noisy.graph.node[-1].output[0] = result
        noisy.graph.node.append(helper.make_node("Add", [result, noise], [output]))
        noisy.graph.input.append(helper.make_tensor_value_info(noise, TensorProto.FLOAT, None))
    return noisy, found


def _lowest_bit(values: np.ndarray) -> np.ndarray:
    """The greatest power of two of which each float64 is a multiple; 1 for zeros."""
    fraction, exponent = np.frexp(values)
    mantissa = np.abs(fraction * 2.0**53).astype(np.int64)
    return np.where(mantissa == 0, 1.0, np.ldexp((mantissa & -mantissa).astype(np.float64), exponent - 53))


class _truth:
    """The file itself: {input name: array} -> the first output."""

    def __init__(self, model: onnx.ModelProto):
        self.output = model.graph.output[0].name
        if any(is_qonnx(node) for node in model.graph.node):
            self.run = Segments(model, [self.output])
        else:
            whole = session(model)
            self.run = lambda feeds: {self.output: whole.run([self.output], feeds)[0]}

    def __call__(self, feeds: dict[str, np.ndarray]) -> np.ndarray:
        return self.run(feeds)[self.output]


def _run(truth: _truth, name: str, x: np.ndarray) -> np.ndarray:
    """float64 [N, n], in one batch where that gives what single samples give."""
    return _flat(_run_all(lambda feeds: {"": truth(feeds)}, {name: x}, name, len(x), lambda values: [values[""]])[0])


def _run_all(run, feeds, name, count, read) -> list[np.ndarray]:
    """What `read` makes of the values, [N, ...] each: in one batch if the first three samples, batched, come out as they do alone."""

    def some(rows: slice) -> list[np.ndarray]:
        return read(run({key: value[rows] if len(value) == count and count > 1 else value for key, value in feeds.items()}))

    def alone(rows: range) -> list[np.ndarray]:
        return [np.concatenate([np.atleast_1d(part) for part in parts]) for parts in zip(*(some(slice(row, row + 1)) for row in rows))]

    singly = alone(range(min(3, count)))
    try:
        batched = some(slice(0, 3))
        if all(map(_alike, batched, singly)):
            return some(slice(0, count))
    except Exception:  # noqa: BLE001 - a batch that cannot be had: onnxruntime raises classes of its own
        pass
    return alone(range(count))


def _alike(batched: np.ndarray, singly: np.ndarray) -> bool:
    """Equal but for the order in which a larger matrix product may add."""
    return batched.shape == singly.shape and np.allclose(batched, singly, 1e-4, 1e-5 * np.abs(singly).max(), equal_nan=True)


def _flat(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, np.float64).reshape(len(values), -1)
