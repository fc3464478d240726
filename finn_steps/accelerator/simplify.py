"""Before anything is built: what cannot change any output of the network goes.

Rules, applied until none changes anything:
1. thresholds absorb the bias; those that no input reaches, or that every input reaches, become the row's sentinels
2. a thresholded row is divided by the greatest common divisor of its weights
3. a hidden neuron that always answers the same is folded into the next layer's bias
4. a hidden neuron that nothing reads is removed
5. hidden neurons with equal rows and thresholds become one, whose readers add their weights
6. a hidden layer's output datatype shrinks to the values that it takes
7. where that is narrower, each hidden neuron counts from its own least value, which goes into the next layer's bias
8. inputs that nothing reads are no longer sent, nor those that always are the same, which go into the bias
9. the input datatype shrinks to what the inputs take
The last layer keeps its neurons in their order; every layer and the input keep at least one.
What a neuron can answer is bounded by interval arithmetic from the inputs' ranges on, so all holds for every allowed input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer, smallest_datatype


@dataclass(frozen=True, eq=False)
class Simplified:
    """The simplified accelerator, and by layer name what its rows were:
    its output [N, MH] == the original's output[:, neurons] - offsets, both int64 [MH].
    """

    accelerator: Accelerator
    neurons: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]


@dataclass
class _State:
    layers: list[SparseLayer]
    neurons: list[np.ndarray]
    offsets: list[np.ndarray]
    input_index: np.ndarray

    def bounds(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """For each layer the least and the greatest accumulator of each row (bias included), int64 [MH]."""
        low, high = self.layers[0].input_low, self.layers[0].input_high
        found = []
        for layer in self.layers:
            positive, negative = np.maximum(layer.weights, 0), np.minimum(layer.weights, 0)
            found.append((positive @ low + negative @ high + layer.bias, positive @ high + negative @ low + layer.bias))
            low, high = (layer.answers(accumulators) for accumulators in found[-1])
        return found


def simplify(accelerator: Accelerator) -> Simplified:
    """The smallest network found by the rules above; `execute` of both agree on every input that their inputs' ranges allow."""
    layers = [accelerator.layers[0], *(replace(layer, input_range=None) for layer in accelerator.layers[1:])]
    state = _State(layers, [np.arange(layer.MH) for layer in layers], [np.zeros(layer.MH, np.int64) for layer in layers],
                   accelerator.input_index)
    rules: tuple[Callable[[_State], bool], ...] = (_canonical_thresholds, _fold_constant_neurons, _remove_unread_neurons,
                                                   _merge_equal_neurons, _shrink_datatypes, _count_from_least,
                                                   _fold_constant_inputs, _remove_unread_inputs, _shrink_input_datatype)
    while any([rule(state) for rule in rules]):
        pass
    result = replace(accelerator, layers=tuple(state.layers), input_index=state.input_index)
    last = result.layers[-1]
    if last.thresholds is None:
        result = replace(result, layers=(*result.layers[:-1], replace(last, odt=result.raw_datatype)))
    names = [layer.name for layer in state.layers]
    return Simplified(result, dict(zip(names, state.neurons)), dict(zip(names, state.offsets)))


def _canonical_thresholds(state: _State) -> bool:
    changed = False
    for number, (low, high) in enumerate(state.bounds()):
        layer = state.layers[number]
        if layer.thresholds is None:
            continue
        weights, thresholds = layer.weights.copy(), layer.thresholds
        always, never = thresholds <= low[:, None], thresholds > high[:, None]
        weights[np.all(always | never, axis=1)] = 0
        divisor = np.maximum(np.gcd.reduce(weights, axis=1), 1)[:, None]
        plain = replace(layer, weights=weights // divisor, bias=np.zeros(layer.MH))
        thresholds = -((layer.bias[:, None] - thresholds) // divisor)
        thresholds = np.where(always, plain.accumulator_min[:, None], thresholds)
        thresholds = np.where(never, plain.accumulator_max[:, None] + 1, thresholds)
        state.layers[number] = replace(plain, thresholds=thresholds)
        changed |= _differ(layer, state.layers[number])
    return changed


def _fold_constant_neurons(state: _State) -> bool:
    changed = False
    for number, (low, high) in enumerate(state.bounds()[:-1]):
        layer, following = state.layers[number], state.layers[number + 1]
        least, greatest = layer.answers(low), layer.answers(high)
        constant = least == greatest
        if not constant.any() or layer.MH == 1:
            continue
        if constant.all():
            constant[0] = False
        state.layers[number + 1] = replace(following, bias=following.bias + following.weights[:, constant] @ least[constant])
        _keep(state, number, ~constant)
        changed = True
        break
    return changed


def _remove_unread_neurons(state: _State) -> bool:
    changed = False
    for number in range(len(state.layers) - 1):
        read = np.any(state.layers[number + 1].weights != 0, axis=0)
        if not read.any():
            read[0] = True
        if not read.all():
            _keep(state, number, read)
            changed = True
    return changed


def _merge_equal_neurons(state: _State) -> bool:
    changed = False
    for number, layer in enumerate(state.layers[:-1]):
        rows = np.concatenate([layer.weights, layer.thresholds, layer.bias[:, None]], axis=1)
        _, first, group = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        if len(first) == layer.MH:
            continue
        following = state.layers[number + 1]
        weights = np.zeros_like(following.weights)
        np.add.at(weights.T, first[group.ravel()], following.weights.T)
        state.layers[number + 1] = replace(following, weights=weights)
        _keep(state, number, np.isin(np.arange(layer.MH), first))
        changed = True
    return changed


def _shrink_datatypes(state: _State) -> bool:
    changed = False
    for number, (low, high) in enumerate(state.bounds()[:-1]):
        layer = state.layers[number]
        name = _datatype_of(int(layer.answers(low).min()), int(layer.answers(high).max()))
        if DataType[name].get_num_possible_values() < DataType[layer.odt].get_num_possible_values():
            _retype(state, number, name, np.zeros(layer.MH, np.int64))
            changed = True
    return changed


def _count_from_least(state: _State) -> bool:
    changed = False
    for number, (low, high) in enumerate(state.bounds()[:-1]):
        layer, following = state.layers[number], state.layers[number + 1]
        least, greatest = layer.answers(low), layer.answers(high)
        name = _datatype_of(0, int((greatest - least).max()))
        if DataType[name].get_num_possible_values() < DataType[layer.odt].get_num_possible_values():
            state.layers[number + 1] = replace(following, bias=following.bias + following.weights @ least)
            state.offsets[number] = state.offsets[number] + least
            _retype(state, number, name, least)
            changed = True
    return changed


def _retype(state: _State, number: int, name: str, offset: np.ndarray) -> None:
    """Give hidden layer `number` the output datatype `name`; its answers become less by `offset` (int64 [MH])."""
    layer, following = state.layers[number], state.layers[number + 1]
    old, new = DataType[layer.odt], DataType[name]
    columns = offset[:, None] + np.arange(int(new.min()), int(new.max())) - int(old.min())
    reached = np.clip(layer.thresholds, layer.accumulator_min[:, None], layer.accumulator_max[:, None] + 1)
    thresholds = np.take_along_axis(reached, np.clip(columns, 0, layer.steps - 1), axis=1)
    thresholds = np.where(columns < 0, layer.accumulator_min[:, None], thresholds)
    thresholds = np.where(columns >= layer.steps, layer.accumulator_max[:, None] + 1, thresholds)
    state.layers[number] = replace(layer, thresholds=thresholds, odt=name)
    state.layers[number + 1] = replace(following, idt=name)


def _fold_constant_inputs(state: _State) -> bool:
    """They are unread then."""
    layer = state.layers[0]
    constant = (layer.input_low == layer.input_high) & np.any(layer.weights != 0, axis=0)
    if not constant.any():
        return False
    bias = layer.bias + layer.weights[:, constant] @ layer.input_low[constant]
    state.layers[0] = replace(layer, weights=np.where(constant, 0, layer.weights), bias=bias)
    return True


def _remove_unread_inputs(state: _State) -> bool:
    layer = state.layers[0]
    read = np.any(layer.weights != 0, axis=0)
    if not read.any():
        read[0] = True
    if read.all():
        return False
    ranges = None if layer.input_range is None else layer.input_range[:, read]
    state.layers[0] = replace(layer, weights=layer.weights[:, read], input_range=ranges)
    state.input_index = state.input_index[read]
    return True


def _shrink_input_datatype(state: _State) -> bool:
    layer = state.layers[0]
    name = _datatype_of(int(layer.input_low.min()), int(layer.input_high.max()))
    if DataType[name].get_num_possible_values() >= DataType[layer.idt].get_num_possible_values():
        return False
    state.layers[0] = replace(layer, idt=name)
    return True


def _keep(state: _State, number: int, kept: np.ndarray) -> None:
    layer, following = state.layers[number], state.layers[number + 1]
    state.layers[number] = replace(layer, weights=layer.weights[kept], bias=layer.bias[kept], thresholds=layer.thresholds[kept])
    state.layers[number + 1] = replace(following, weights=following.weights[:, kept])
    state.neurons[number], state.offsets[number] = state.neurons[number][kept], state.offsets[number][kept]


def _datatype_of(low: int, high: int) -> str:
    if (low, high) == (-1, 1):
        return "TERNARY"
    return smallest_datatype(low, max(high, 1))


def _differ(a: SparseLayer, b: SparseLayer) -> bool:
    return not all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("weights", "thresholds", "bias"))
