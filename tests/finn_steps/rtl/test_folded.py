"""Folded layers, alone and beside others, against Accelerator.execute, under stalls and resets; cycles as scheduled."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Accelerator, Folding, SparseLayer, smallest_datatype
from finn_steps.folding.cost import estimate
from finn_steps.folding.schedule import schedule
from finn_steps.rtl import folded_lanes
from finn_steps.rtl import generate as generate_module
from finn_steps.rtl.control_memory import ControlMemory
from finn_steps.rtl.folded_activation import RowRange, choose_activation
from finn_steps.rtl.generate import generate
from finn_steps.rtlsim import Simulation
from finn_steps.rtlsim.verilator import lint
from finn_steps.synthesis.yosys import synthesise
from tests.finn_steps.rtl.plain_core import plain_core
from tests.nets import random_accelerator, random_inputs, random_weights


def folded(*sizes):
    return [Folding("folded", PE, SIMD) if PE else Folding() for PE, SIMD in sizes]


def check(net, folder, samples=60, stalls=((0.4, 0.4),), resets=((37, 61),)):
    """Exact, at the predicted rate, under stalls and resets in mid-stream; and lint has nothing to say."""
    design = generate(net, folder)
    assert lint([folder / name for name in design.files], design.top, folder=folder) == ""
    simulation = Simulation.build(folder)
    x = random_inputs(np.random.default_rng(5), samples, net.MW, net.idt)
    expected = net.execute(x)
    free = simulation.run(x)
    assert np.array_equal(free.y, expected)
    assert free.ii_cycles == design.ii
    for gaps, stall in stalls:
        assert np.array_equal(simulation.run(x, gaps, stall, seed=3).y, expected)
    for at in resets:
        assert np.array_equal(simulation.trace(x, 0.2, 0.2, seed=4, resets=at).y, expected)
    return design


@pytest.mark.parametrize(
    "widths, foldings, options",
    [
        ((6, 8, 4), folded((1, 1), (1, 1)), {}),
        ((6, 8, 4), folded((8, 6), (4, 8)), {}),
        ((9, 15, 7), folded((3, 3), (7, 5)), {"scales": "float", "activation_bits": 3}),
        ((5, 12, 10, 3), folded((2, 1), (5, 2), (1, 10)), {"weight_bits": 2, "input_bits": 2, "zeros": 0.6}),
        ((16, 20, 12, 5), folded((20, 2), (3, 4), (1, 2)), {"weight_bits": 5, "zeros": 0.75}),
    ],
)
def test_whole_folded_nets(tmp_path, widths, foldings, options):
    options = {"weight_bits": 3, "activation_bits": 2, "zeros": 0.5, "input_bits": 4, "seed": 1, **options}
    net = random_accelerator(widths, **options)
    net = net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, foldings)})
    check(net, tmp_path / "rtl folder")


@pytest.mark.parametrize("sizes", [[(4, 2), None, (2, 2)], [None, (2, 4), None], [(1, 1), None, None], [None, (8, 8), (1, 1)]])
def test_folded_beside_unrolled(tmp_path, monkeypatch, sizes):
    monkeypatch.setattr(generate_module, "make_core", lambda style, layers, module, labels: plain_core(4)(layers, module))
    net = random_accelerator((6, 8, 8, 4), weight_bits=3, activation_bits=2, zeros=0.5, seed=2, input_bits=4)
    net = net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, folded(*(s or (0, 0) for s in sizes)))})
    check(net, tmp_path)


def test_sums_of_tables(tmp_path, monkeypatch):
    monkeypatch.setattr(folded_lanes, "MANY", 10)
    folded_lanes._sum_core.cache_clear()
    net = random_accelerator((12, 8, 4), weight_bits=3, activation_bits=3, zeros=0.3, seed=5, input_bits=5)
    check(net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, folded((2, 12), (1, 4)))}), tmp_path)
    assert "localparam logic" in (tmp_path / "layer0_sum.sv").read_text()
    folded_lanes._sum_core.cache_clear()


def one_layer(weights, thresholds, idt, odt, PE, SIMD, bias=None):
    bias = np.zeros(len(weights)) if bias is None else bias
    layer = SparseLayer("only", weights, bias, thresholds, idt, odt, Folding("folded", PE, SIMD))
    return Accelerator("one", (layer,), layer.MW, np.arange(layer.MW))


@pytest.mark.parametrize(
    "kind, idt, odt, thresholds",
    [
        ("raw", "UINT3", "INT9", None),
        ("shift", "INT4", "UINT3", lambda rng, acc: (np.arange(7) << 2) + rng.integers(-20, 20, (len(acc), 1))),
        ("shift", "BINARY", "BIPOLAR", lambda rng, acc: rng.integers(-3, 4, (len(acc), 1))),
        ("table", "BINARY", "UINT6", lambda rng, acc: np.sort(rng.integers(-9, 9, (len(acc), 63)), axis=1)),
        ("window", "INT6", "UINT6", lambda rng, acc: np.sort(rng.integers(-9, 9, (len(acc), 63)), axis=1)),
        ("search", "INT6", "INT2", lambda rng, acc: np.sort(rng.integers(-90, 90, (len(acc), 3)), axis=1)),
        ("search", "INT6", "TERNARY", lambda rng, acc: np.sort(rng.integers(-90, 90, (len(acc), 2)), axis=1)),
    ],
)
def test_activations(tmp_path, kind, idt, odt, thresholds):
    rng = np.random.default_rng(8)
    weights = random_weights(rng, 12, 10, 3, 0.5)
    weights[4] = 0
    steps = None if thresholds is None else thresholds(rng, weights)
    net = one_layer(weights, steps, idt, odt, 4, 2, rng.integers(-5, 6, 12))
    assert choose_activation(net.layers[0]).kind == kind
    check(net, tmp_path)


def test_block_memories(tmp_path):
    rng = np.random.default_rng(3)
    thresholds = np.sort(rng.integers(-900, 900, (20, 15)), axis=1)
    net = one_layer(random_weights(rng, 20, 140, 5, 0.65), thresholds, "UINT4", "UINT4", 2, 1)
    design = check(net, tmp_path, samples=20, stalls=(), resets=((600,),))
    assert "BLOCK(1)" in (tmp_path / "finn_accel.sv").read_text()
    assert 490 <= design.ii <= 500


def signs(MH, MW, seed=6):
    """A layer of weights -1 and 1, binary inputs, which PE 1 with a lane for each input takes in MH cycles."""
    rng = np.random.default_rng(seed)
    thresholds = np.sort(rng.integers(-9, 9, (MH, 3)), axis=1)
    return one_layer(rng.choice([-1, 1], (MH, MW)), thresholds, "BINARY", "UINT2", 1, MW)


@pytest.mark.parametrize("blocks, block, logic", [(-1, 60, 0), (2, 60, 0), (1, 36, 24), (0, 0, 0)])
def test_control_words_in_as_many_block_memories_as_the_folding_allows(tmp_path, blocks, block, logic):
    """Of 60 lanes the signs are stored; that all have a weight of one is known. 350 words of up to 36 bits are a block RAM."""
    net = signs(350, 60)
    net = net.with_foldings({"only": replace(net.layers[0].folding, blocks=blocks)})
    check(net, tmp_path, samples=8, stalls=(), resets=((360,),))
    words = {kind: (tmp_path / f"only_control_{kind}.mem") for kind in ("block", "logic")}
    assert [path.exists() for path in words.values()] == [block > 0, logic > 0]
    for path, width in zip(words.values(), (block, logic)):
        assert not width or len(path.read_text().splitlines()[0]) == width // 4
    assert estimate(net).bram == -(-block // 36)


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [-1, 1, 0])
def test_block_memories_are_block_rams(tmp_path, blocks):
    net = signs(350, 60)
    net = net.with_foldings({"only": replace(net.layers[0].folding, blocks=blocks)})
    generate(net, tmp_path)
    assert synthesise(tmp_path, "xc7").bram == estimate(net).bram == {-1: 2, 1: 1, 0: 0}[blocks]


@pytest.mark.parametrize("seed", range(3))
def test_control_columns_that_are_alike_are_stored_once(seed):
    rng = np.random.default_rng(seed)
    kept = rng.random((40, 7)) < 0.5
    bits = np.concatenate([kept, np.zeros((40, 2), bool), np.ones((40, 2), bool), kept[:, ::2]], axis=1)[:, rng.permutation(15)]
    memory = ControlMemory(bits)
    stored = bits[:, memory.columns]
    assert stored.shape[1] == 7
    told = {"1'b0": np.zeros(40, bool), "1'b1": np.ones(40, bool)}
    for column, place in zip(bits.T, memory.places):
        assert np.array_equal(column, told[place] if place in told else stored[:, place])


def test_thresholds_outside_the_reachable_range(tmp_path):
    weights = np.array([[1, 0, -1], [2, 0, 0], [0, 1, 1]])
    thresholds = np.array([[-9, -8, 0], [1, 2, 90], [-5, 80, 90]])
    check(one_layer(weights, thresholds, "UINT2", "UINT2", 3, 1), tmp_path)
    ranges = RowRange.of(one_layer(weights, thresholds, "UINT2", "UINT2", 3, 1).layers[0])
    assert ranges.thresholds.tolist() == [[0, 0, 3], [1, 2, 7], [0, 7, 7]]


def test_only_layer_without_thresholds_keeps_its_bias(tmp_path):
    weights = np.array([[1, 2], [-1, 0]])
    net = one_layer(weights, None, "UINT2", smallest_datatype(-100, 200), 1, 2, np.array([190, -95]))
    check(replace(net, name="biased"), tmp_path)


def test_every_style_in_one_net(tmp_path):
    """With the real cores: unrolled, folded, bit planes, folded."""
    net = random_accelerator((6, 8, 8, 8, 4), weight_bits=3, activation_bits=2, zeros=0.5, seed=4, input_bits=4)
    styles = [Folding(), Folding("folded", 2, 2), Folding("bitplane"), Folding("folded", 2, 2)]
    check(net.with_foldings({layer.name: folding for layer, folding in zip(net.layers, styles)}), tmp_path)


@pytest.mark.parametrize(
    "MH, MW, PE, SIMD, idt, bits, max_cycles",
    [(7, 13, 1, 5, "BINARY", 2, 0), (7, 47, 3, 12, "BINARY", 2, 12), (9, 26, 2, 13, "UINT4", 2, 30), (11, 37, 4, 8, "UINT3", 5, 40),
     (13, 23, 5, 23, "TERNARY", 2, 0), (5, 31, 1, 4, "INT5", 3, 80), (10, 50, 1, 7, "BINARY", 2, 90)],
)
def test_lanes_that_do_not_divide_the_inputs(tmp_path, MH, MW, PE, SIMD, idt, bits, max_cycles):
    rng = np.random.default_rng(MW)
    steps = np.sort(rng.integers(-6, 9, (MH, 3)), axis=1)
    net = one_layer(random_weights(rng, MH, MW, bits, 0.6), steps, idt, "UINT2", PE, SIMD)
    check(net.with_foldings({"only": Folding("folded", PE, SIMD, max_cycles=max_cycles)}), tmp_path, samples=100)


@pytest.mark.parametrize("PE, SIMD, bits, idt", [(2, 5, 4, "UINT4"), (3, 4, 4, "INT8"), (4, 1, 6, "INT6"), (2, 4, 9, "UINT9"), (1, 3, 2, "TERNARY")])
def test_products_of_multipliers(tmp_path, PE, SIMD, bits, idt):
    rng = np.random.default_rng(9)
    net = one_layer(random_weights(rng, 9, 14, bits, 0.4), None, idt, "INT32", PE, SIMD)
    folding = Folding("folded", PE, SIMD, products="dsp")
    check(net.with_foldings({"only": folding}), tmp_path, samples=200)


@pytest.mark.slow
def test_multipliers_are_dsp_blocks(tmp_path):
    net = one_layer(random_weights(np.random.default_rng(4), 6, 8, 5, 0.4), None, "UINT8", "INT32", 2, 3)
    for products in ("lut", "dsp"):
        folded_net = net.with_foldings({"only": Folding("folded", 2, 3, products=products)})
        generate(folded_net, tmp_path)
        assert synthesise(tmp_path, "xc7").dsp == estimate(folded_net).dsp == {"lut": 0, "dsp": 4 * (1 + schedule(folded_net.layers[0]).uses_ahead)}[products]


@pytest.mark.parametrize("folding, message", [
    (Folding("unrolled", products="dsp"), "only: products 'dsp' needs style 'folded', not 'unrolled'"),
    (Folding("folded", products="fpga"), "only: products 'fpga' is none of lut, dsp"),
    (Folding("folded", blocks=-2), r"only: blocks \(-2\) must be a whole number, -1 for as many as pay"),
    (Folding("serial", blocks=1), r"only: blocks \(1\) needs style 'folded', not 'serial'"),
    (Folding("folded", max_cycles=-1), r"only: max_cycles \(-1\) must be a whole number, 0 for the fewest cycles"),
    (Folding("folded", SIMD=4), r"only: SIMD \(4\) must be at most MW \(3\)"),
])
def test_foldings_that_cannot_be(folding, message):
    with pytest.raises(ValueError, match=message):
        replace(one_layer(np.ones((2, 3)), None, "UINT2", "INT8", 1, 1).layers[0], folding=folding)
