"""Answers in fixed point are the model's outputs themselves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from finn_steps.accelerator.fixed_output import fixed_answers, with_fixed_output
from finn_steps.accelerator.host import HostOp
from finn_steps.accelerator.simplify import simplify
from finn_steps.importer.lower import import_model
from finn_steps.verification.reference import Reference
from tests.nets import random_accelerator
from tests.qonnx_nets import Net, model_inputs, qonnx_net

NET = Net(widths=(5, 7, 3), input_bits=6)


@pytest.mark.parametrize("net", [NET, replace(NET, per_channel=True), replace(NET, output_bits=5), replace(NET, bipolar=True)])
def test_words_mean_what_onnxruntime_answers(net):
    imported, x = import_model(qonnx_net(net, seed=5)), model_inputs(5, 2000, 1)
    built = with_fixed_output(simplify(imported.accelerator).accelerator)
    words, fraction_bits = built.execute(built.quantise(x)), built.output_fixed.bits - built.output_fixed.integer_bits
    outputs = Reference(imported).outputs(x)
    assert np.array_equal(words / 2.0**fraction_bits, outputs)
    assert np.array_equal(built.dequantise(words), outputs)
    assert np.array_equal(fixed_answers(imported.accelerator).words(Reference(imported).integers(x)), words)
    half = 2 ** (built.output_fixed.bits - 1)
    assert words.min() >= -half and words.max() < half


def test_factors_and_amounts_of_their_own_go_into_the_last_layer():
    network = replace(random_accelerator((4, 3, 2)), host_output=(HostOp("mul", [0.5, 4.0]), HostOp("add", [0.375, -1]), HostOp("softmax")))
    built = with_fixed_output(network)
    x = np.random.default_rng(0).integers(-128, 128, (100, 4))
    exact = [[Fraction(int(a)) / 2 + Fraction(3, 8), 4 * Fraction(int(b)) - 1] for a, b in network.execute(x)]
    assert built.execute(x).tolist() == [[8 * value for value in row] for row in exact]
    assert built.output_fixed.fraction_bits == 3 and [op.op for op in built.host_output] == ["mul", "softmax"]


@pytest.mark.parametrize("operations, said", [
    ([HostOp("mul", np.float32(0.1))], "powers of two"), ([HostOp("mul", [1, 3.0])], "powers of two"), ([HostOp("mul", [-1.0, 1])], "powers of two"),
    ([HostOp("add", np.float32(2.0**-60))], "more than 53 bits")])
def test_other_scales_are_refused(operations, said):
    with pytest.raises(ValueError, match=said):
        with_fixed_output(replace(random_accelerator((4, 3, 2)), host_output=tuple(operations)))


def test_quantised_outputs_with_amounts_of_their_own_are_refused():
    network = random_accelerator((4, 3, 2))
    network = replace(network, layers=network.layers[:1], host_output=(HostOp("add", [0.5, 1, 2]),))
    with pytest.raises(ValueError, match="layer0 have scales or shifts of their own; build it raw"):
        with_fixed_output(network)
