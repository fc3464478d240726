"""The integer network of a QONNX model: integer weights, thresholds by evaluation, float operators left to the host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from finn_steps.accelerator import Accelerator, SparseLayer, smallest_datatype
from finn_steps.host import HostOp
from finn_steps.importer.borderline import Borderline, BorderlineLayer
from finn_steps.importer.chain import Chain, Stage, read_chain
from finn_steps.importer.evaluate import Piece
from finn_steps.importer.host_ends import host_operations, quantising_operations, scaling_operations
from finn_steps.importer.input_levels import annotated_input
from finn_steps.importer.model_file import initializers, normalise, read_model
from finn_steps.importer.quantiser import Levels, Quantiser
from finn_steps.importer.thresholds import borderline_accumulators, find_activation
from finn_steps.importer.weights import IntegerWeights, read_weights
from finn_steps.standard_onnx import integer_tensor, to_standard

FLOAT32_BITS = 24


@dataclass(frozen=True, eq=False)
class Imported:
    """accelerator as imported, nothing removed yet; standard: the model in standard operators, the reference for it.

    tensors     for each layer, and for "input", the tensor of `standard` that carries its integers: see LayerTensor
    borderline  accumulators that float rounding could carry over a threshold
    """

    accelerator: Accelerator
    standard: onnx.ModelProto
    tensors: dict[str, LayerTensor]
    borderline: Borderline


@dataclass(frozen=True, eq=False)
class LayerTensor:
    """How integers are read from a tensor of the standard model: round(values / scale), then stored as the network does.

    scale is 1 for a quantiser's integers, and float32 [MH] for the last layer's raw accumulators.
    """

    tensor: str
    scale: np.ndarray
    bipolar: bool


def import_model(model: Path | str | onnx.ModelProto | ModelWrapper, name: str = "network") -> Imported:
    """Read a model. OSError or ValueError, in one line that names the node, for what cannot be built."""
    normal = read_model(model) if isinstance(model, (str, Path)) else normalise(model)
    return _Lowering(normal, name).run()


class _Lowering:
    def __init__(self, model: ModelWrapper, name: str):
        self.model, self.name = model, name
        self.constants = initializers(model.graph)
        self.chain: Chain = read_chain(model)
        self.standard = to_standard(model)
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[1:]]
        self.features = int(np.prod(shape))
        self.tensors: dict[str, LayerTensor] = {}
        self.borderline: dict[str, BorderlineLayer] = {}

    def run(self) -> Imported:
        weights = [read_weights(self.model, stage.matmul) for stage in self.chain.layers]
        self._check_widths(weights)
        host_input, levels = self._head()
        layers, host_output = [], ()
        for number, (stage, matrix) in enumerate(zip(self.chain.layers, weights)):
            final = number == len(weights) - 1
            layer = f"layer{number}"
            if stage.quantiser is None:
                layers.append(self._raw(layer, stage, matrix, levels))
                host_output = (*_multiply(_scale(levels, matrix)), *self._tail(stage.before, matrix))
                break
            layers.append(self._thresholded(layer, stage, matrix, levels, final))
            levels = Quantiser.of(stage.quantiser, self.constants).levels
            if final:
                host_output = (*scaling_operations(levels), *self._tail(stage.after, matrix))
        accelerator = Accelerator(self.name, tuple(layers), self.features, np.arange(self.features), host_input, host_output)
        return Imported(accelerator, self.standard, self.tensors, Borderline(self.borderline))

    def _check_widths(self, weights: list[IntegerWeights]) -> None:
        width, before = self.features, f"input {self.model.graph.input[0].name}"
        for stage, matrix in zip(self.chain.layers, weights):
            if matrix.values.shape[1] != width:
                raise ValueError(f"node {stage.matmul.name} takes {matrix.values.shape[1]} values, {before} gives {width}; "
                                 "supported: [batch, features] through the whole network")
            width, before = matrix.values.shape[0], stage.matmul.name

    def _head(self) -> tuple[tuple[HostOp, ...], Levels]:
        head = self.chain.head
        if head.quantiser is None:
            return annotated_input(self.model, self.chain, self.constants, self.features)
        quantiser = Quantiser.of(head.quantiser, self.constants)
        self.tensors["input"] = LayerTensor(integer_tensor(head.quantiser.output[0]), np.float32(1), False)
        return (*host_operations(head.before, self.constants, self.features), *quantising_operations(quantiser)), quantiser.levels

    def _tail(self, nodes, matrix: IntegerWeights) -> tuple[HostOp, ...]:
        return host_operations(nodes, self.constants, matrix.values.shape[0])

    def _raw(self, name: str, stage: Stage, matrix: IntegerWeights, levels: Levels) -> SparseLayer:
        weights, bias = _on_stored(matrix.values, levels)
        self.tensors[name] = LayerTensor(stage.matmul.output[0], _scale(levels, matrix).astype(np.float32), False)
        layer = SparseLayer(name, weights, bias, None, levels.datatype, "INT32")
        odt = smallest_datatype(int(layer.accumulator_min.min()), int(layer.accumulator_max.max()))
        return SparseLayer(name, weights, bias, None, levels.datatype, odt)

    def _thresholded(self, name: str, stage: Stage, matrix: IntegerWeights, levels: Levels, final: bool) -> SparseLayer:
        output = Quantiser.of(stage.quantiser, self.constants).levels
        node = stage.matmul.name
        steps = np.array([1]) if output.bipolar else _levels_above_least(output)
        weights, offset = _on_stored(matrix.values, levels)
        model_range = SparseLayer(name, weights, offset, None, levels.datatype, "INT32")
        low, high = model_range.accumulator_min, model_range.accumulator_max
        if max(-low.min(), high.max()) >= 2**FLOAT32_BITS:
            raise ValueError(f"node {node} sums up to {max(-low.min(), high.max())}; supported: accumulators of {FLOAT32_BITS} "
                             "bits, which float32 holds exactly")
        scale = _scale(levels, matrix)
        self.tensors[name] = LayerTensor(integer_tensor(stage.quantiser.output[0]), np.float32(1), output.bipolar)
        piece = Piece(self.standard, stage.matmul.output[0], self.tensors[name].tensor, len(scale))

        def values(accumulators: np.ndarray) -> np.ndarray:
            return accumulators * scale

        activation = find_activation(f"node {node}", lambda a: piece(values(a)), low, high, steps)
        error = _rounding_error(matrix, levels, scale)
        touched = borderline_accumulators(piece, values, activation, low, high, error, steps)
        direction = activation.direction
        stride = 2 if levels.bipolar else 1
        weights = weights * direction[:, None] // stride
        thresholds = -(-(activation.thresholds - (direction * offset)[:, None]) // stride)
        odt = "BIPOLAR" if output.bipolar and final else output.datatype
        layer = SparseLayer(name, weights, np.zeros(len(scale)), thresholds, levels.datatype, odt)
        limits = np.clip(thresholds, layer.accumulator_min[:, None], layer.accumulator_max[:, None] + 1)
        neuron, accumulator, slack = touched
        if len(neuron):
            stored = (accumulator - offset[neuron]) * direction[neuron] // stride
            step, zero = (2, -1 - levels.zero_point) if levels.bipolar else (1, -levels.zero_point)
            self.borderline[name] = BorderlineLayer(neuron, stored, slack / scale[neuron], step, zero)
        return SparseLayer(name, weights, np.zeros(len(scale)), limits, levels.datatype, odt)


def _on_stored(values: np.ndarray, levels: Levels) -> tuple[np.ndarray, np.ndarray]:
    """Weights [MH, MW] and offset [MH] with `weights @ stored + offset == values @ (integer - zero_point)`."""
    if levels.bipolar:
        return 2 * values, -values.sum(1) * (1 + levels.zero_point)
    return values, -values.sum(1) * levels.zero_point


def _levels_above_least(levels: Levels) -> np.ndarray:
    datatype = DataType[levels.datatype]
    return np.arange(int(datatype.min()) + 1, int(datatype.max()) + 1)


def _scale(levels: Levels, matrix: IntegerWeights) -> np.ndarray:
    """float64 [MH]: one accumulator step of the model, the exact product of the two float32 scales."""
    return np.float64(levels.scale) * matrix.scale.astype(np.float64)


def _multiply(scale: np.ndarray) -> tuple[HostOp, ...]:
    scale = scale.astype(np.float32)
    if np.all(scale == 1):
        return ()
    return (HostOp("mul", scale[0] if np.all(scale == scale[0]) else scale),)


def _rounding_error(matrix: IntegerWeights, levels: Levels, scale: np.ndarray) -> np.ndarray:
    """float64 [MH]: how far onnxruntime's float32 sum can be from accumulator * scale, in any order of summation.

    Each of n nonzero terms is a product of two rounded factors, and n - 1 additions round: at most
    (n + 3) * 2^-24 * sum |terms| (Higham, Accuracy and Stability of Numerical Algorithms, 4.2). Zero where every partial sum is
    an integer below 2^24 times a power of two.
    """
    largest = max(abs(levels.low - levels.zero_point), abs(levels.high - levels.zero_point))
    terms = np.abs(matrix.values).sum(1) * largest
    nonzeros = np.count_nonzero(matrix.values, axis=1)
    powers = (np.frexp(levels.scale)[0] == 0.5) & (np.frexp(matrix.scale)[0] == 0.5)
    exact = powers & (terms < 2**FLOAT32_BITS)
    return np.where(exact, 0.0, (nonzeros + 3) * 2.0**-24 * terms * scale)
