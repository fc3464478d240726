import numpy as np
import pytest
from qonnx.core.datatype import DataType

from finn_steps.accelerator import Accelerator, SparseLayer
from finn_steps.emulator import Emulator
from finn_steps.verification.stimulus import corner_inputs
from tests.nets import random_accelerator, random_inputs, with_ranges


@pytest.mark.parametrize("scales", ["pow2", "float"])
@pytest.mark.parametrize("samples", [1, 127, 128, 1000])
def test_equals_execute(scales, samples):
    accelerator = random_accelerator((20, 17, 9, 3), weight_bits=5, activation_bits=3, zeros=0.6, seed=samples, scales=scales)
    idt = DataType[accelerator.idt]
    x = np.random.default_rng(samples).integers(int(idt.min()), int(idt.max()) + 1, (samples, accelerator.MW))
    x = np.concatenate([x, corner_inputs(accelerator)])
    emulator = Emulator(accelerator)
    assert np.array_equal(emulator.execute(x), accelerator.execute(x))
    assert np.array_equal(emulator.execute(x.astype(np.int8)), accelerator.execute(x))


@pytest.mark.parametrize(("weight_bits", "input_bits", "activation_bits"), [(2, 4, 2), (8, 8, 8), (12, 12, 4), (4, 15, 6)])
@pytest.mark.parametrize("scales", ["pow2", "float"])
def test_accumulators_of_any_width(scales, weight_bits, input_bits, activation_bits):
    widths = (12, 10, 4)
    accelerator = random_accelerator(widths, weight_bits, activation_bits, seed=weight_bits, scales=scales, input_bits=input_bits)
    x = random_inputs(np.random.default_rng(1), 300, widths[0], accelerator.idt)
    assert np.array_equal(Emulator(accelerator).execute(x), accelerator.execute(x))


def test_thresholds_without_any_order_in_their_distances():
    rng = np.random.default_rng(5)
    weights = rng.integers(-7, 8, (6, 12))
    thresholds = np.sort(rng.integers(-90, 90, (6, 31)), axis=1)
    layer = SparseLayer("layer0", weights, np.zeros(6), thresholds, "INT4", "UINT5")
    accelerator = Accelerator("uneven", (layer,), 12, np.arange(12))
    x = random_inputs(rng, 500, 12, "INT4")
    assert np.array_equal(Emulator(accelerator).execute(x), accelerator.execute(x))


def test_bipolar_output():
    rng = np.random.default_rng(3)
    layer = SparseLayer("layer0", rng.integers(-1, 2, (4, 12)), np.zeros(4), np.array([[-2], [0], [1], [99]]), "BINARY", "BIPOLAR")
    accelerator = Accelerator("bipolar", (layer,), 12, np.arange(12))
    x = rng.integers(0, 2, (300, 12))
    y = Emulator(accelerator).execute(x)
    assert set(np.unique(y)) == {-1, 1}
    assert np.array_equal(y, accelerator.execute(x))


def test_refuses_inputs_outside_the_datatype():
    accelerator = random_accelerator((4, 3, 2), input_bits=4, seed=0)
    with pytest.raises(ValueError, match="input 0 takes -8..7, 8..8 came"):
        Emulator(accelerator).execute(np.full((1, 4), 8))


def test_refuses_accumulators_beyond_32_bits():
    layer = SparseLayer("layer0", np.full((1, 2), 2**31), np.zeros(1), None, "INT8", "INT41")
    wide = Accelerator("wide", (layer,), 2, np.arange(2))
    assert not Emulator.can(wide) and Emulator.can(random_accelerator((4, 3, 2), seed=0))
    with pytest.raises(ValueError, match="layer0: accumulators .* do not fit"):
        Emulator(wide)


def test_an_input_beyond_its_own_range_is_refused_where_another_may_be_as_large():
    accelerator = with_ranges(random_accelerator(widths=(6, 5, 4), seed=3), seed=4, most=5)
    first = accelerator.layers[0]
    narrow = int(np.argmin(first.input_high))
    x = np.clip(np.zeros((3, first.MW), np.int8), first.input_low, first.input_high).astype(np.int8)
    assert np.array_equal(Emulator(accelerator).execute(x), accelerator.execute(x))
    x[1, narrow] = first.input_high.max()
    assert first.input_high[narrow] < first.input_high.max()
    with pytest.raises(ValueError, match=f"input {narrow} takes"):
        Emulator(accelerator).execute(x)
