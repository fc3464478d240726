"""The integer network of a model: integer weights, thresholds by evaluation, float operators left to the host."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer, smallest_datatype
from finn_steps.accelerator.host import HostOp
from finn_steps.importer.borderline import Borderline, BorderlineLayer
from finn_steps.importer.chain import Chain, Stage, read_chain, through_integers
from finn_steps.importer.evaluate import Piece
from finn_steps.importer.float_model import way_out
from finn_steps.importer.grid import MOST_STEPS, Grid, NoGrid, read_grid
from finn_steps.importer.host_ends import host_operations
from finn_steps.importer.input_end import datatype_of, read_input
from finn_steps.importer.input_quant import NODE as INPUT_QUANT_NODE
from finn_steps.importer.input_quant import InputQuant, with_input_quantiser
from finn_steps.importer.input_range import input_range
from finn_steps.importer.levels import read_levels
from finn_steps.importer.lowering import Link
from finn_steps.importer.matrix import Matrix, read_matrix
from finn_steps.importer.model_file import read_model
from finn_steps.importer.normal_form import Network, normalise
from finn_steps.importer.output_end import answering_operations, raw_meeting
from finn_steps.importer.sizes import MOST_VALUES
from finn_steps.importer.thresholds import borderline_accumulators, find_activation
from finn_steps.importer.weights import read_weights
from finn_steps.original.meeting import Meeting


@dataclass(frozen=True, eq=False)
class Imported:
    """accelerator as imported, nothing removed yet; standard: the model in standard operators.

    meetings    for each layer, and for "input": the tensor of the user's file that carries its integers, and how
    borderline  accumulators that float rounding could carry over a threshold
    """

    accelerator: Accelerator
    standard: onnx.ModelProto
    meetings: dict[str, Meeting]
    borderline: Borderline


def import_model(model: Path | str | onnx.ModelProto, name: str = "network", input_quant: InputQuant | None = None) -> Imported:
    """Read a model. OSError or ValueError, in one line that names the node, for what cannot be built.

    input_quant  how float inputs without a quantiser are quantised
    """
    if isinstance(model, (str, Path)):
        proto = read_model(model)
        try:
            return _imported(proto, name, input_quant)
        except ValueError as fault:
            raise ValueError(f"{fault}{way_out(proto, model)}") from fault
    return _imported(getattr(model, "model", model), name, input_quant)


def _imported(proto: onnx.ModelProto, name: str, input_quant: InputQuant | None) -> Imported:
    if input_quant is not None:
        proto = with_input_quantiser(proto, input_quant)
    reading = _Import(normalise(proto), name)
    if input_quant is not None:
        _check_input_quant(reading, input_quant)
    return reading.run()


def _check_input_quant(reading: _Import, input_quant: InputQuant) -> None:
    """ValueError where the file says already which integers come in."""
    network, quantiser = reading.network, reading.chain.head.quantiser
    if quantiser.output != f"{network.input}/{INPUT_QUANT_NODE}":
        raise ValueError(f"node {quantiser.name} ({quantiser.kind}) quantises the input already; leave --input-quant {input_quant} out")
    if network.annotation is not None and datatype_of(network.annotation, network).is_integer():
        raise ValueError(f"input {network.input} is annotated as {network.annotation} already; leave --input-quant {input_quant} out")


class _Import:
    def __init__(self, network: Network, name: str):
        self.network, self.name = network, name
        self.chain: Chain = read_chain(network)
        self.meetings: dict[str, Meeting] = {}
        self.borderline: dict[str, BorderlineLayer] = {}
        self.thresholds = 0

    def run(self) -> Imported:
        weights = [read_weights(stage.layer, self.network) for stage in self.chain.layers]
        self._check_widths(weights)
        features = self.network.tensors[self.network.input].width
        host_input, grid = read_input(self.chain, self.network)
        ranges = input_range(host_input, features, grid)
        self.meetings["input"] = _meeting(self.chain.layers[0].layer.input, grid)
        layers, host_output = [], ()
        for number, (stage, own) in enumerate(zip(self.chain.layers, weights)):
            final = number == len(weights) - 1
            layer = f"layer{number}"
            matrix = read_matrix(own, _as_operand(grid, stage.layer, self.network))
            if stage.quantiser is None:
                made, host_output = self._raw(layer, stage, matrix, grid)
                layers.append(made)
                break
            after = self._behind(stage, final)
            following = self._grid(stage, after)
            layers.append(self._thresholded(layer, stage, after, matrix, grid, following, final))
            if final:
                host_output = answering_operations(following, stage, after, self.network)
            grid = following
        index = np.arange(layers[0].MW)
        layers[0] = replace(layers[0], input_range=ranges)
        accelerator = Accelerator(self.name, tuple(layers), features, index, host_input, host_output)
        return Imported(accelerator, self.network.standard, self.meetings, Borderline(self.borderline))

    def _check_thresholds(self, layer: Link, more: int) -> None:
        self.thresholds += more
        if self.thresholds > MOST_VALUES:
            raise ValueError(f"node {layer.name} ({layer.node.op_type}) comes to {self.thresholds:,} thresholds with the layers before it; "
                             f"supported: up to {MOST_VALUES:,}")

    def _check_widths(self, weights) -> None:
        width = self.network.tensors[self.chain.layers[0].layer.input].width
        before = f"input {self.network.input}"
        for stage, own in zip(self.chain.layers, weights):
            if own.values.shape[1] != width or self.network.tensors[stage.layer.output].width != own.values.shape[0]:
                raise ValueError(f"node {stage.layer.name} takes {own.values.shape[1]} values, {before} gives {width}; "
                                 "supported: [batch, features] through the whole network")
            width, before = own.values.shape[0], stage.layer.name

    def _behind(self, stage: Stage, final: bool) -> tuple[Link, ...]:
        """The links behind the quantiser that the hardware takes part in: all of them between layers, at the end those on integers."""
        return stage.after[: through_integers(stage.after)] if final else stage.after

    def _grid(self, stage: Stage, after: tuple[Link, ...]) -> Grid:
        """What the next layer takes, or what the last one answers."""
        levels = read_levels(stage.quantiser, self.network)
        return grid_behind(stage.quantiser, levels, after, self.network)

    def _raw(self, name: str, stage: Stage, matrix: Matrix, grid: Grid) -> tuple[SparseLayer, tuple[HostOp, ...]]:
        """The last layer without a quantiser: its sums are the answer, and the host scales them."""
        shift = matrix.shift
        stride = 1 if np.array_equal(shift, np.rint(shift)) else 2
        values, unit, shift = matrix.values * stride, matrix.unit / stride, shift * stride
        whole = np.all(np.abs(shift - np.rint(shift)) <= 1e-6) and np.abs(shift).max() < 2**31
        values, unit, shift = (values, unit, shift) if whole else (matrix.values, matrix.unit, np.zeros_like(shift))
        layer = SparseLayer(name, values, np.rint(shift), None, grid.datatype, "INT64", input_range=grid.ranges)
        odt = smallest_datatype(int(layer.accumulator_min.min()), int(layer.accumulator_max.max()))
        layer = SparseLayer(name, values, np.rint(shift), None, grid.datatype, odt, input_range=grid.ranges)
        offset = np.zeros(len(unit)) if whole else matrix.shift * matrix.unit
        self.meetings[name] = raw_meeting(stage, unit, offset, matrix.extra, self.network)
        scaled = (*_value("mul", unit, 1), *_value("add", offset, 0))
        return layer, (*scaled, *host_operations(stage.before, self.network, behind=True))

    def _thresholded(self, name: str, stage: Stage, after, matrix: Matrix, grid: Grid, answer: Grid, final: bool) -> SparseLayer:
        layer, network = stage.layer, self.network
        plain = SparseLayer(name, matrix.values, np.zeros(len(matrix.unit)), None, grid.datatype, "INT64", input_range=grid.ranges)
        low, high = plain.accumulator_min, plain.accumulator_max
        end = after[-1].output if after else stage.quantiser.output
        piece = piece_between((*stage.before, stage.quantiser, *after), layer.output, end, network)
        datatype = DataType[answer.datatype]
        self._check_thresholds(layer, len(matrix.unit) * (datatype.get_num_possible_values() - 1))
        steps = np.arange(int(datatype.min()) + 1, int(datatype.max()) + 1)

        def values(accumulators: np.ndarray) -> np.ndarray:
            return (accumulators + matrix.shift) * matrix.unit

        def stored(floats: np.ndarray) -> np.ndarray:
            return answer.stored(piece(floats))

        activation = find_activation(f"node {layer.name}", lambda a: stored(values(a)), low, high, steps)
        touched = borderline_accumulators(stored, values, activation, low, high, matrix.rounding, steps)
        direction = activation.direction
        weights = matrix.values * direction[:, None]
        bipolar = final and answer.bipolar
        odt = "BIPOLAR" if bipolar else answer.datatype
        turned = SparseLayer(name, weights, np.zeros(len(direction)), None, grid.datatype, "INT64", input_range=grid.ranges)
        limits = np.clip(activation.thresholds, turned.accumulator_min[:, None], turned.accumulator_max[:, None] + 1)
        self.meetings[name] = _meeting(end, answer, bipolar)
        neuron, accumulator, above, slack = _with_wavering(touched, activation.wavering)
        if len(neuron):
            zero = np.divide(grid.zero, grid.step, out=np.zeros_like(grid.zero), where=grid.step != 0)
            self.borderline[name] = BorderlineLayer(neuron, accumulator * direction[neuron], above, slack / matrix.unit[neuron], zero,
                                                    (matrix.extra / matrix.unit)[neuron])
        return SparseLayer(name, weights, np.zeros(len(direction)), limits, grid.datatype, odt, input_range=grid.ranges)


def piece_between(links, start: str, end: str, network: Network) -> Piece:
    tensor = network.tensors[start]
    nodes = [node for link in links for node in link.nodes]
    return Piece(nodes, network.constants, start, tensor.shape, tensor.element, end, network.opset)


def grid_behind(quantiser: Link, levels, after: tuple[Link, ...], network: Network) -> Grid:
    """ValueError, naming the quantiser, where its levels reach the next layer as no multiples of one step."""
    width = network.tensors[quantiser.output].width
    values = np.broadcast_to(levels.values, (len(levels.values), width))
    if after:
        values = piece_between(after, quantiser.output, after[-1].output, network)(values)
    try:
        return read_grid(levels, values)
    except NoGrid as error:
        raise ValueError(f"node {quantiser.name} ({quantiser.kind}): its levels {error} behind {(after or [quantiser])[-1].name}; supported: "
                         f"levels on a grid of at most {MOST_STEPS:,} steps, by monotone operators") from None


def _as_operand(grid: Grid, layer: Link, network: Network) -> Grid:
    """What a layer multiplies: MatMulInteger takes its input's zero point off."""
    if layer.kind != "MatMulInteger" or len(layer.nodes[-1].input) < 3 or not layer.nodes[-1].input[2]:
        return grid
    zero = network.constants[layer.nodes[-1].input[2]].array.astype(np.float64).reshape(-1)
    return replace(grid, zero=grid.zero - zero, largest=grid.largest + np.abs(zero))


def _meeting(tensor: str, grid: Grid, bipolar: bool = False) -> Meeting:
    if bipolar:
        return Meeting(tensor, grid.step / 2, grid.zero + grid.step / 2, slack=grid.deviation)
    return Meeting(tensor, grid.step, grid.zero, slack=grid.deviation)


def _with_wavering(touched, wavering):
    """Accumulators for which the model's answer is off by a rounding lie on a threshold, with no slack at all."""
    neuron, accumulator = wavering
    return tuple(np.concatenate(parts) for parts in zip(touched, (neuron, accumulator, np.ones(len(neuron), bool), np.zeros(len(neuron)))))


def _value(op: str, value: np.ndarray, neutral: float) -> tuple[HostOp, ...]:
    value = value.astype(np.float32)
    if np.all(value == neutral):
        return ()
    return (HostOp(op, value[0] if np.all(value == value[0]) else value),)
