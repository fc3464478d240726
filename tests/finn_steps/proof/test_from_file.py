"""The integers of an import are proved to be those of its file, in exact arithmetic; one integer changed is not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import onnx
import pytest

from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.accelerator.label import with_label
from finn_steps.accelerator.simplify import simplify
from finn_steps.hgq2.emit import emit
from finn_steps.importer.input_quant import InputQuant
from finn_steps.importer.lower import import_model
from finn_steps.proof.from_file.exact import ROUNDINGS, root
from finn_steps.proof.from_file.prove import prove_file
from finn_steps.steps import simplified_network
from tests.finn_steps.hgq2.chains import random_chain
from tests.qonnx_nets import Net, qonnx_net

SMALL = Net(widths=(5, 6, 4, 3), zeros=0.4)
NETS = {
    "powers of two": SMALL,
    "float scales": replace(SMALL, scales="float"),
    "by channel": replace(SMALL, scales="float", per_channel=True),
    "batch norm": replace(SMALL, scales="float", batch_norm=True),
    "signed": replace(SMALL, signed=True),
    "bipolar": replace(SMALL, bipolar=True),
    "zero point": replace(SMALL, zero_point=3),
    "quantised outputs": replace(SMALL, output_bits=4),
    "half up": replace(SMALL, rounding="HALF_UP"),
    "8 bits": replace(SMALL, weight_bits=8, activation_bits=8),
    "softmax": replace(SMALL, softmax=True),
}


def imported(tmp_path, net: Net, seed: int = 3, **options):
    path = tmp_path / "net.onnx"
    onnx.save(qonnx_net(net, seed), path)
    return path, simplify(import_model(path, **options).accelerator).accelerator


@pytest.mark.parametrize("name", NETS)
def test_nets(tmp_path, name):
    path, accelerator = imported(tmp_path, NETS[name])
    proof = prove_file(path, accelerator)
    assert proof.proved == tuple(layer.name for layer in accelerator.layers) and not proof.not_proved
    assert not proof.undecided or "scales" in name or "channel" in name or "norm" in name


def test_labels(tmp_path):
    path, accelerator = imported(tmp_path, SMALL)
    labelled = with_label(accelerator)
    assert not prove_file(path, labelled).not_proved
    other = replace(labelled, labels=labelled.labels[::-1])
    assert prove_file(path, other).not_proved


def test_labels_of_outputs_of_which_some_never_change(tmp_path):
    path, accelerator = imported(tmp_path, Net(widths=(5, 7, 4, 3)), seed=1)
    labelled = with_label(accelerator)
    assert np.any(~labelled.layers[-1].weights.any(axis=1)) and not prove_file(path, labelled).not_proved
    last = labelled.layers[-1]
    for neuron in range(3):
        for step in (1, -1):
            bias = last.bias.copy()
            bias[neuron] += step
            assert prove_file(path, changed(labelled, len(labelled.layers) - 1, bias=bias)).not_proved


def changed(accelerator, number, **fields):
    layers = list(accelerator.layers)
    layers[number] = replace(layers[number], **fields)
    return replace(accelerator, layers=tuple(layers))


@pytest.mark.parametrize("name", ["powers of two", "batch norm", "8 bits"])
def test_other_integers_are_not_proved(tmp_path, name):
    path, accelerator = imported(tmp_path, NETS[name])
    hidden, last = accelerator.layers[0], accelerator.layers[-1]
    weights = hidden.weights.copy()
    weights[np.unravel_index(np.flatnonzero(weights)[2], weights.shape)] += 1
    assert "layer0" in prove_file(path, changed(accelerator, 0, weights=weights)).not_proved
    for step in (1, -1):
        thresholds = hidden.thresholds.copy()
        inside = np.argwhere((thresholds > hidden.accumulator_min[:, None] + 1) & (thresholds < hidden.accumulator_max[:, None]))
        thresholds[tuple(inside[len(inside) // 2])] += step
        assert "layer0" in prove_file(path, changed(accelerator, 0, thresholds=np.sort(thresholds, axis=1))).not_proved
    bias = last.bias.copy()
    bias[1] += 1
    assert list(prove_file(path, changed(accelerator, len(accelerator.layers) - 1, bias=bias)).not_proved) == [last.name]


def chain_of_hgq2(tmp_path, overflow, rounding, seed, widths=(8, 7, 6, 4)):
    path = tmp_path / "net.onnx"
    model = emit(random_chain(widths, overflow, rounding, seed), "net")
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path, simplify(import_model(path).accelerator).accelerator


@pytest.mark.parametrize("overflow, rounding, seed", [
    ("WRAP", "RND", 0), ("WRAP", "TRN", 1), ("WRAP", "RND_CONV", 2), ("SAT", "RND", 1), ("SAT_SYM", "TRN", 0)])
def test_chains_of_hgq2(tmp_path, overflow, rounding, seed):
    path, accelerator = chain_of_hgq2(tmp_path, overflow, rounding, seed)
    proof = prove_file(path, accelerator)
    assert proof.proved == tuple(layer.name for layer in accelerator.layers) and not proof.undecided


@pytest.mark.parametrize("widths", [(5, 4, 3), pytest.param((8, 7, 6, 4), marks=pytest.mark.slow)])
def test_neurons_that_wrap_elsewhere_are_not_proved(tmp_path, widths):
    """Of the thresholds that an accumulator can reach every third, of every row of two that are a neuron; and a weight by which the pair is
    read."""
    path, accelerator = chain_of_hgq2(tmp_path, "WRAP", "RND", 0, widths)
    for number, (layer, following) in enumerate(zip(accelerator.layers, accelerator.layers[1:])):
        sums = [layer.weights[row].tobytes() + layer.bias[row].tobytes() for row in range(layer.MH)]
        pairs = [row for row in range(layer.MH) if sums.count(sums[row]) == 2]
        inside = (layer.thresholds > layer.accumulator_min[:, None] + 1) & (layer.thresholds < layer.accumulator_max[:, None])
        for row in pairs:
            for place in np.flatnonzero(inside[row])[::3]:
                thresholds = layer.thresholds.copy()
                thresholds[row, place] += 1
                other = changed(accelerator, number, thresholds=np.sort(thresholds, axis=1))
                assert np.array_equal(np.sort(thresholds, axis=1), layer.thresholds) or prove_file(path, other).not_proved
            reader = int(np.flatnonzero(following.weights[:, row])[0])
            weights = following.weights.copy()
            weights[reader, row] += 1
            assert prove_file(path, changed(accelerator, number + 1, weights=weights)).not_proved
    assert pairs


def test_a_hosts_scale_of_its_own_is_not_proved(tmp_path):
    path, accelerator = imported(tmp_path, SMALL)
    first, *others = accelerator.host_output
    twice = replace(accelerator, host_output=(replace(first, value=first.value * np.float32(2)), *others))
    assert "scales it by" in prove_file(path, twice).not_proved[accelerator.layers[-1].name]


def test_inputs_quantised_by_option(tmp_path):
    model = qonnx_net(SMALL, 3)
    node = next(node for node in model.graph.node if node.op_type == "Quant" and "standardised" in node.input)
    for other in model.graph.node:
        for place, name in enumerate(other.input):
            if name == node.output[0]:
                other.input[place] = node.input[0]
    model.graph.node.remove(node)
    for name in ("Sub", "Div"):
        node = next(node for node in model.graph.node if node.op_type == name)
        for other in model.graph.node:
            for place, read in enumerate(other.input):
                if read == node.output[0]:
                    other.input[place] = node.input[0]
        model.graph.node.remove(node)
    path, quant = tmp_path / "net.onnx", InputQuant(6, 0.125)
    onnx.save(model, path)
    accelerator = simplify(import_model(path, input_quant=quant).accelerator).accelerator
    assert not prove_file(path, accelerator, input_quant=quant).not_proved
    assert "does not say to which integers" in prove_file(path, accelerator).not_proved["layer0"]


@pytest.mark.parametrize("name", ["powers of two", "half up", "float scales"])
def test_words_of_fixed_point(tmp_path, name):
    """The layer in front is held to the file's input end: one word more or less at one step, or another place of the point, is not proved."""
    path = tmp_path / "net.onnx"
    onnx.save(qonnx_net(replace(NETS[name], input_bits=4), 3), path)
    accelerator = simplified_network(import_model(path), FixedInput.parse("9,4 8,3 9,2 7,3 9,4"))
    assert not prove_file(path, accelerator).not_proved
    first = accelerator.layers[0]
    for step in (1, -1):
        thresholds = first.thresholds.copy()
        thresholds[1, 7] += step
        assert "fixed_input" in prove_file(path, changed(accelerator, 0, thresholds=thresholds)).not_proved
    moved = replace(accelerator, input_fixed=FixedInput.parse("9,4 8,3 9,3 7,3 9,4"))
    assert "fixed_input" in prove_file(path, moved).not_proved


def test_what_is_not_followed_is_said_by_name(tmp_path):
    path, accelerator = imported(tmp_path, replace(SMALL, activation="Sigmoid"))
    proof = prove_file(path, accelerator)
    assert proof.proved == () and "(Sigmoid) is not known in exact arithmetic" in proof.not_proved["layer0"]


@pytest.mark.parametrize("limit, says", [({"seconds": 0}, "not done within 0 s"), ({}, "has 30 numbers, the limit is 20")])
def test_too_large_is_said(tmp_path, monkeypatch, limit, says):
    path, accelerator = imported(tmp_path, SMALL)
    monkeypatch.setattr("finn_steps.proof.from_file.reading.MOST_CONSTANTS", 20)
    proof = prove_file(path, accelerator, **limit)
    assert proof.proved == () and says in proof.not_proved["layer0"]


def test_a_tie_that_floats_may_break_is_listed(tmp_path):
    """Accumulators that lie on a step in exact arithmetic, where float scales round: the two answers differ there, or are listed."""
    net = replace(SMALL, scales="float", widths=(5, 6, 3))
    found = []
    for seed in range(4):
        path, accelerator = imported(tmp_path, net, seed)
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            if tensor.name.endswith("fc0.b"):
                tensor.CopyFrom(onnx.numpy_helper.from_array(np.zeros(6, np.float32), tensor.name))
        onnx.save(model, path)
        accelerator = simplify(import_model(path).accelerator).accelerator
        proof = prove_file(path, accelerator)
        assert not proof.not_proved
        found += proof.undecided
    assert all(each.layer in ("layer0", "layer1") for each in found)


def test_roundings_and_roots():
    half = Fraction(5, 2)
    told = {"ROUND": (2, -2), "HALF_UP": (3, -3), "HALF_DOWN": (2, -2), "UP": (3, -3), "DOWN": (2, -2), "CEIL": (3, -2), "FLOOR": (2, -3)}
    assert {mode: (ROUNDINGS[mode](half), ROUNDINGS[mode](-half)) for mode in told} == told
    low, high = root(Fraction(2, 3))
    assert low**2 < Fraction(2, 3) < high**2 and high - low < Fraction(1, 2**190)
    assert root(Fraction(9, 4)) == (Fraction(3, 2), Fraction(3, 2))
