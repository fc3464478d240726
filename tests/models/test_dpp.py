"""DPP as a training: k of n in every row and tile of the deployable and of the exported net."""

import onnx
import pytest
import torch

from models.biases import snap_biases
from models.dpp import check_rows, row_counts, train_dpp
from models.drivers import alone
from models.export import export
from models.pruning.masks import Masks
from models.training import train
from tests.models.synthetic import TINY, synthetic_tensors

DPP = TINY.with_fields(method="dpp", keep=(4, 2, 3), tile=(0, 4, 0), epochs=2, final_epochs=2)


def test_exactly_k_of_n_in_the_exported_model(tmp_path):
    tensors, seen = synthetic_tensors(), []
    model, _, levels = alone(train_dpp(DPP, tensors, on_masks=seen.append))
    assert levels[0].kept == (8 * 4, 6 * 2 * 2, 5 * 3)
    assert [entry.epoch for entry in seen] == [0, 1] and all(0 <= c <= 1 for entry in seen for c in entry.confidence)
    snap_biases(model)
    export(model, tmp_path / "model.onnx", tensors.test.x[:10])
    matrices = [onnx.numpy_helper.to_array(t) for t in onnx.load(tmp_path / "model.onnx").graph.initializer if len(t.dims) == 2]
    by_shape = {m.shape: torch.tensor(m) != 0 for m in matrices}
    assert torch.all(row_counts(by_shape[8, 16], 0, "weights", 1) == 4)
    assert torch.all(row_counts(by_shape[6, 8], 4, "weights", 1) == 2)
    assert torch.all(row_counts(by_shape[5, 6], 0, "weights", 1) == 3)


@pytest.mark.parametrize("changes, kept", [
    (dict(granularity="blocks", block=2, keep=(2, 1, 1), tile=0), (8 * 4, 6 * 2, 5 * 2)),
    (dict(granularity="neurons", keep=(5, 3, 5), tile=0), (5 * 16, 3 * 8, 5 * 6)),
    (dict(neurons=(5, 3), tile=0), (5 * 4, 3 * 2, 5 * 3)),
    (dict(neurons=(6, 3), tile=(0, 4, 0)), (6 * 4, 3 * 2 * 2, 5 * 3)),
    (dict(batch_norm="folded"), (8 * 4, 6 * 2 * 2, 5 * 3)),
    (dict(weight_bits=32, activation_bits=32), (8 * 4, 6 * 2 * 2, 5 * 3)),
])
def test_granularities_batch_norm_and_float(changes, kept):
    _, _, levels = alone(train_dpp(DPP.with_fields(**changes), synthetic_tensors()))
    assert levels[0].kept == kept


def test_a_broken_row_is_found():
    model, _, _ = alone(train_dpp(DPP, synthetic_tensors()))
    with torch.no_grad():
        model.weights[1][2] = 0
    with pytest.raises(RuntimeError, match="layer 1: rows keep .0, 2. of their candidates, not exactly 2"):
        check_rows(model, DPP, Masks(model.weights))


def test_train_ships_the_dpp_net():
    trained = train(DPP, synthetic_tensors())
    assert trained.shipped == "dpp" and set(trained.accuracy) == {"float", "quantised", "dpp"}


def test_impossible_k_names_the_layer():
    with pytest.raises(ValueError, match=r"layer 2: keep \(3\) must be 1 to 2: so many inputs live in a layer"):
        alone(train_dpp(DPP.with_fields(neurons=(5, 2), tile=0), synthetic_tensors()))
    with pytest.raises(ValueError, match=r"layer 1: keep \(9\) must be 1 to 4"):
        alone(train_dpp(DPP.with_fields(keep=(4, 9, 3)), synthetic_tensors()))
