"""The rounding bound against real float32 sums, and the file."""

import numpy as np

from finn_steps.accelerator import SparseLayer
from finn_steps.importer.borderline import UNIT, Borderline, BorderlineLayer
from finn_steps.importer.lower import import_model
from tests.qonnx_nets import Net, model_inputs, qonnx_net


def test_float32_sums_stay_within_the_bound_and_come_near_it():
    """Random rows, summed in float32 in random orders: with the true error as slack, the sample must be borderline."""
    rng = np.random.default_rng(0)
    nearest = 0.0
    for _ in range(300):
        weights, q = rng.integers(-7, 8, (1, 40)), rng.integers(0, 16, (1, 40))
        scales = np.float32(rng.uniform(0.1, 1, 2))
        products = (q[0] * scales[0]) * (weights[0] * scales[1])
        summed = np.float32(0)
        for term in rng.permutation(products.astype(np.float32)):
            summed = np.float32(summed + term)
        exact = float((weights * q).sum())
        error = abs(float(summed) / (float(scales[0]) * float(scales[1])) - exact)
        layer = SparseLayer("a", weights, [0], None, "UINT4", "INT32")
        entry = BorderlineLayer(np.array([0]), layer.accumulate(q)[0], np.array([True]), np.array([error]), np.zeros(40), np.zeros(1))
        assert entry.samples(layer, q)[0]
        terms = np.abs(weights * q).sum()
        nearest = max(nearest, error / (UNIT * 43 * terms))
    assert nearest > 0.01


def test_an_accumulator_far_from_its_threshold_is_clear():
    layer = SparseLayer("a", [[1, 2]], [0], None, "UINT4", "INT32")
    entry = BorderlineLayer(np.array([0]), np.array([3]), np.array([True]), np.array([0.1]), np.zeros(2), np.zeros(1))
    assert not entry.samples(layer, np.array([[1, 1]])).any()


def test_sums_of_many_units_can_be_carried_over_several_accumulators():
    """With an error of about 30 units, what lies 20 above a threshold is borderline, what lies 2,000 above is not; below likewise."""
    layer = SparseLayer("a", [[2**20] * 20 + [1]], [0], None, "UINT8", "INT64")
    near, far = np.full((1, 21), 100), np.full((1, 21), 100)
    near[0, 20], far[0, 20] = 20, 255
    threshold = 20 * 100 * 2**20
    for above, sign in ((True, 1), (False, -1)):
        q = near.copy()
        at = threshold if above else layer.accumulate(near)[0, 0] + 20
        entry = BorderlineLayer(np.array([0]), np.array([at]), np.array([above]), np.array([0.5]), np.zeros(21), np.zeros(1))
        assert entry.samples(layer, q)[0]
        beyond = BorderlineLayer(np.array([0]), np.array([at - sign * 10**5]), np.array([above]), np.array([0.5]), np.zeros(21), np.zeros(1))
        assert not beyond.samples(layer, q)[0]


def test_save_and_load(tmp_path):
    imported = import_model(qonnx_net(Net(scales="float", widths=(16, 200, 5), bipolar=True)))
    imported.borderline.save(tmp_path / "borderline.npz")
    loaded = Borderline.load(tmp_path / "borderline.npz")
    q = imported.accelerator.quantise(model_inputs(16, 500, 0))
    assert loaded.layers.keys() == imported.borderline.layers.keys()
    assert np.array_equal(loaded.samples(imported.accelerator, q), imported.borderline.samples(imported.accelerator, q))
