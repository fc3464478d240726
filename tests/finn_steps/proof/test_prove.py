"""What generate() writes is proved, in all styles; a changed bit of it is not."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from build_dataflow.configuration import read_options
from build_dataflow.steps import adders_between_registers, limits
from finn_steps.accelerator import Accelerator, Folding, SparseLayer
from finn_steps.accelerator.label import with_label
from finn_steps.accelerator.simplify import simplify
from finn_steps.folding.choose import choose_foldings
from finn_steps.importer.lower import import_model
from finn_steps.proof.from_file.prove import prove_file
from finn_steps.proof.graph import Graph
from finn_steps.proof.limits import Deadline
from finn_steps.proof.prove import PATIENT_SECONDS, SECONDS, prove
from finn_steps.rtl.generate import generate
from tests.census import designs
from tests.nets import JET_WIDTHS, random_accelerator, with_ranges
from tests.qonnx_nets import Net, qonnx_net

STYLES = {
    "unrolled": Folding(),
    "bitplane": Folding("bitplane", digits=2),
    "serial": Folding("serial", max_cycles=12),
    "folded": Folding("folded", PE=2, SIMD=2),
    "folded-dsp": Folding("folded", PE=2, SIMD=2, products="dsp"),
}


def proved(accelerator, folder, *foldings, seconds=SECONDS):
    accelerator = replace(accelerator, layers=tuple(replace(layer, folding=folding) for layer, folding in zip(accelerator.layers, foldings)))
    generate(accelerator, folder)
    return prove(folder, accelerator, seconds)


def small(seed=1, **options):
    return random_accelerator(widths=(6, 5, 4), zeros=0.5, seed=seed, **options)


@pytest.mark.parametrize("style", STYLES)
def test_styles(tmp_path, style):
    result = proved(small(), tmp_path, STYLES[style], STYLES[style])
    assert result.proved == ("layer0", "layer1") and not result.not_proved


@pytest.mark.parametrize("layers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_levels_that_frames_seldom_bring_about(tmp_path, layers):
    """Of a neuron the greatest level, in one of many frames; and of the last two layers, with inputs that no neuron reads."""
    whole = random_accelerator(JET_WIDTHS, weight_bits=4, zeros=0.9)
    kept = whole.layers[-layers:]
    accelerator = replace(whole, layers=kept, features=kept[0].MW, input_index=np.arange(kept[0].MW), host_input=())
    assert not proved(accelerator, tmp_path, *(layer.folding for layer in kept)).not_proved


@pytest.mark.parametrize("style", [style if "folded" not in style else pytest.param(style, marks=pytest.mark.slow) for style in STYLES])
def test_ranges_of_single_inputs(tmp_path, style):
    accelerator = with_ranges(small(seed=3), seed=4, most=5)
    assert not proved(accelerator, tmp_path / "ranges", STYLES[style], STYLES[style]).not_proved
    whole = replace(accelerator, layers=(replace(accelerator.layers[0], input_range=None), *accelerator.layers[1:]))
    assert prove(tmp_path / "ranges", whole).not_proved


@pytest.mark.parametrize("first, second", [("unrolled", "folded"), pytest.param("folded", "bitplane", marks=pytest.mark.slow), ("serial", "unrolled")])
def test_styles_together(tmp_path, first, second):
    result = proved(small(seed=2), tmp_path, STYLES[first], STYLES[second])
    assert not result.not_proved


@pytest.mark.parametrize("style", [style if "folded" not in style else pytest.param(style, marks=pytest.mark.slow) for style in STYLES])
def test_uneven_thresholds(tmp_path, style):
    result = proved(small(scales="float"), tmp_path, STYLES[style], STYLES[style])
    assert not result.not_proved


@pytest.mark.parametrize("style", ["unrolled", pytest.param("folded", marks=pytest.mark.slow)])
def test_labels(tmp_path, style):
    result = proved(with_label(small(seed=4)), tmp_path, STYLES[style], STYLES[style])
    assert not result.not_proved


@pytest.mark.parametrize("idt, odt", [("BINARY", "BIPOLAR"), ("TERNARY", "TERNARY"), ("INT3", "INT2"), ("UINT2", "UINT3")])
def test_datatypes(tmp_path, idt, odt):
    rng = np.random.default_rng(7)
    steps = {"BIPOLAR": 1, "TERNARY": 2, "INT2": 3, "UINT3": 7}[odt]
    layer = SparseLayer("only", rng.integers(-3, 4, (4, 7)), rng.integers(-4, 5, 4), np.sort(rng.integers(-9, 9, (4, steps)), axis=1), idt, odt)
    result = proved(Accelerator("types", (layer,), 7, np.arange(7)), tmp_path, Folding())
    assert not result.not_proved


def changed(accelerator, layer, **fields):
    """The specification with other integers in one layer."""
    layers = list(accelerator.layers)
    layers[layer] = replace(layers[layer], **fields)
    return replace(accelerator, layers=tuple(layers))


@pytest.mark.parametrize("style", ["unrolled", *(pytest.param(style, marks=pytest.mark.slow) for style in ("serial", "folded"))])
def test_another_network_is_not_proved(tmp_path, style):
    """The checker holds the RTL to the numbers: a weight, a threshold, a bias of the specification changed by one is seen in its
    layer."""
    accelerator = small()
    accelerator = replace(accelerator, layers=tuple(replace(layer, folding=STYLES[style]) for layer in accelerator.layers))
    generate(accelerator, tmp_path)
    weights = accelerator.layers[0].weights.copy()
    weights[np.unravel_index(np.flatnonzero(weights)[3], weights.shape)] += 1
    thresholds = accelerator.layers[0].thresholds.copy()
    thresholds[2, 7:] += 1
    bias = accelerator.layers[1].bias.copy()
    bias[1] -= 1
    assert "layer0" in prove(tmp_path, changed(accelerator, 0, weights=weights)).not_proved
    assert "layer0" in prove(tmp_path, changed(accelerator, 0, thresholds=thresholds)).not_proved
    assert prove(tmp_path, changed(accelerator, 1, bias=bias)).proved == ("layer0",)


def test_a_port_of_another_width_is_seen(tmp_path):
    accelerator = small()
    generate(accelerator, tmp_path)
    top = tmp_path / "finn_accel.sv"
    width = int(re.search(r"logic\s+\[(\d+):0\]\s+m_axis_0_tdata", top.read_text())[1])
    top.write_text(re.sub(r"logic\s+\[\d+:0\]\s+m_axis_0_tdata", f"logic [{width - 1}:0] m_axis_0_tdata", top.read_text()))
    assert f"m_axis_0_tdata has {width} bits, a beat {width + 1}" in prove(tmp_path, accelerator).not_proved["layer0"]


def test_too_large_is_said(tmp_path):
    accelerator = small()
    generate(accelerator, tmp_path)
    result = prove(tmp_path, accelerator, seconds=0)
    assert result.proved == () and "too large: not done within 0 s" in result.not_proved["layer0"]


def test_what_a_first_attempt_proved_counts_where_there_is_no_time_for_another(tmp_path, monkeypatch):
    monkeypatch.setattr(Deadline, "half_over", True)
    accelerator = small()
    generate(accelerator, tmp_path)
    assert prove(tmp_path, changed(accelerator, 1, bias=accelerator.layers[1].bias + 1)).proved == ("layer0",)


def ignoring_signs(word, width, signed):
    return (word + [0] * width)[:width]


def a_bit_short(self, width, terms, constant, right=Graph.sum):
    """Sums that lose their highest bit."""
    return [*right(self, width - 1, terms, constant), 0] if width > 1 else right(self, width, terms, constant)


@pytest.mark.parametrize("place, fault", [("finn_steps.proof.cells._extended", ignoring_signs), pytest.param("finn_steps.proof.graph.Graph.sum", a_bit_short, marks=pytest.mark.slow)])
def test_a_reader_that_is_wrong_proves_nothing(tmp_path, monkeypatch, place, fault):
    monkeypatch.setattr(place, fault)
    rng = np.random.default_rng(3)
    thresholds = (np.arange(7) << 3) + rng.integers(-20, 5, (4, 1))
    layer = SparseLayer("only", rng.integers(-3, 4, (4, 6)), np.zeros(4), thresholds, "INT4", "UINT3")
    result = proved(Accelerator("signs", (layer,), 6, np.arange(6)), tmp_path, STYLES["folded"], seconds=4)
    assert not result.proved


@pytest.mark.parametrize("zeros", [0.5, 0.7])
def test_bit_planes_of_wide_inputs(tmp_path, zeros):
    """Partial sums that are read as signed words, and words whose highest bits are always 0."""
    accelerator = random_accelerator(widths=(8, 6, 5, 3), zeros=zeros, seed=1)
    assert not proved(accelerator, tmp_path, *[STYLES["bitplane"]] * 3).not_proved


def test_dense_layers_of_eight_bits(tmp_path):
    """128 thresholds at uneven places, and sums of 16 inputs: words that follow the accumulator are enough."""
    accelerator = random_accelerator(widths=(16, 4, 2), weight_bits=8, activation_bits=7, zeros=0.02, scales="float")
    assert not proved(accelerator, tmp_path, Folding(), Folding()).not_proved


def test_partial_sums_without_their_lowest_bits(tmp_path):
    """Planes whose lowest bits go into the sum as a carry alone."""
    accelerator = random_accelerator(widths=(8, 6, 5, 3), zeros=0.4, seed=1, scales="float")
    assert not proved(accelerator, tmp_path, *[STYLES["bitplane"]] * 3).not_proved


def test_a_bit_that_another_row_makes_the_same(tmp_path):
    """A gate that is a row's bit only because of what another row is then: no cut goes there."""
    (tmp_path / "net.onnx").write_bytes(qonnx_net(Net(widths=(5, 6, 4, 3), zeros=0.4), seed=3).SerializeToString())
    accelerator = simplify(import_model(tmp_path / "net.onnx").accelerator).accelerator
    assert not proved(accelerator, tmp_path / "rtl", *[Folding()] * 3).not_proved


def test_accumulators_that_no_inputs_give(tmp_path):
    """Neurons in front read the same inputs in different sums, so one behind them is always 0, and others reach less than each alone says."""
    net = Net(widths=(6, 12, 8, 4), weight_bits=4, activation_bits=4, input_bits=6, zeros=0.6)
    (tmp_path / "net.onnx").write_bytes(qonnx_net(net, seed=7).SerializeToString())
    accelerator = simplify(import_model(tmp_path / "net.onnx").accelerator).accelerator
    assert not proved(accelerator, tmp_path / "rtl", *[Folding()] * 3).not_proved


def wrapping_pair(readers):
    """u and h of one sum, which wrap at 4, and a neuron beside them."""
    weights = np.array([[3, 1, -2], [3, 1, -2], [1, 1, 1]])
    u = np.arange(1, 64) * 2 - 60
    h = np.concatenate([np.arange(1, 16) * 8 - 52, np.full(48, 999)])
    first = SparseLayer("a", weights, np.zeros(3), np.stack([u, h, u]), "INT4", "UINT6")
    return Accelerator("wraps", (first, SparseLayer("b", np.array(readers), np.zeros(len(readers)), None, "UINT6", "INT16")), 3, np.arange(3))


def test_neurons_that_wrap(tmp_path):
    accelerator = wrapping_pair([[1, -4, 2], [-3, 12, 0]])
    assert not proved(accelerator, tmp_path, *[Folding()] * 2).not_proved
    assert prove(tmp_path, changed(accelerator, 1, weights=np.array([[1, -4, 2], [-3, 12, 1]]))).not_proved
    thresholds = accelerator.layers[0].thresholds.copy()
    thresholds[1, :3] += 1
    assert "a" in prove(tmp_path, changed(accelerator, 0, thresholds=thresholds)).not_proved


def test_neurons_that_read_the_same_inputs(tmp_path):
    """The generator makes use of it that values of such neurons do not occur together: so does the proof."""
    thresholds = np.stack([np.arange(-6, 9), np.arange(-5, 10)])
    first = SparseLayer("first", np.array([[1, 0], [1, 0]]), np.zeros(2), thresholds, "INT5", "UINT4")
    second = SparseLayer("second", np.array([[-1, -1], [1, 0]]), np.zeros(2), np.array([[-9, -7, -4], [3, 6, 9]]), "UINT4", "UINT2")
    last = SparseLayer("last", np.array([[1, 2]]), np.zeros(1), None, "UINT2", "UINT4")
    assert not proved(Accelerator("same", (first, second, last), 2, np.arange(2)), tmp_path, *[STYLES["unrolled"]] * 3).not_proved


@pytest.mark.slow
@pytest.mark.parametrize("name", ["jet_qap", "jet_qap_small", "jet_dpp", "jet_widths"])
def test_shipped_networks(tmp_path, name):
    """As they are built by name."""
    options = read_options(name, {})
    accelerator = simplify(import_model(options.model).accelerator).accelerator
    foldings = choose_foldings(accelerator, options.target_ii_cycles, limits(options), adders_between_registers(options, accelerator))
    accelerator = accelerator.with_foldings(foldings)
    generate(accelerator, tmp_path)
    assert not prove(tmp_path, accelerator).not_proved
    assert not prove_file(options.model, accelerator).not_proved


@pytest.mark.parametrize("design", [
    "HGQ2 with WRAP, 8-10-6-4, unrolled", "random 8-6-5-3, pow2, seed 3, bitplane",
    *(pytest.param(name, marks=pytest.mark.slow) for name in (
        "HGQ2 with WRAP, 12-9-7-3, unrolled", "HGQ2 with WRAP, 16-12-8-5, unrolled",
        "random jets, 4 bit, 90 % zeros, float, unrolled", "random jets, 6 bit, 90 % zeros, float, unrolled",
        "random jets, 4 bit, 75 % zeros, pow2, unrolled", "random jets, 4 bit, 75 % zeros, float, unrolled",
        "onnxruntime, 8 bits, 16-32-5, as chosen for II 1", "unsw_nb15-mlp-w2a2, as chosen for II 1"))])
def test_designs_of_the_census(tmp_path, design):
    makers = {", ".join(key): maker for key, maker in designs(tmp_path).items()}
    if design not in makers:
        pytest.skip("its file is not here")
    accelerator, _ = makers[design]()
    generate(accelerator, tmp_path / "rtl")
    assert not prove(tmp_path / "rtl", accelerator, PATIENT_SECONDS).not_proved
