"""Checkpoints: written on divergence, read to start from, refused when they are of another network."""

import pytest
import torch

from models import checkpoint, qap
from models.fitting import Diverged
from models.train_and_write import train_and_write
from tests.models.synthetic import TINY, synthetic_set, synthetic_tensors


def test_a_training_starts_from_a_checkpoint(tmp_path):
    first = qap.build(TINY, synthetic_tensors())
    with torch.no_grad():
        first.weights[1].fill_(0.25)
    checkpoint.save(first, tmp_path / "start.pt")
    second = qap.build(TINY.with_fields(start=str(tmp_path / "start.pt"), seed=9), synthetic_tensors())
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values()))


@pytest.mark.parametrize("changes, message", [
    (dict(hidden=(8, 7)), r"start.pt: layers.1.weight is \[6, 8\], the network's is \[7, 8\]"),
    (dict(hidden=(8,)), "another network: it alone has "),
    (dict(batch_norm="on"), "another network: it lacks norms.0.bias"),
])
def test_a_checkpoint_of_another_shape_is_refused(tmp_path, changes, message):
    checkpoint.save(qap.build(TINY, synthetic_tensors()), tmp_path / "start.pt")
    config = TINY.with_fields(**{"hidden": (8, 6)} | changes, start=str(tmp_path / "start.pt"))
    with pytest.raises(ValueError, match=message):
        qap.build(config, synthetic_tensors())


def test_a_missing_or_broken_checkpoint_is_named(tmp_path):
    model = qap.build(TINY, synthetic_tensors())
    with pytest.raises(FileNotFoundError, match="nothing.pt: no such checkpoint"):
        checkpoint.load(model, tmp_path / "nothing.pt")
    (tmp_path / "broken.pt").write_bytes(b"not torch's")
    with pytest.raises(ValueError, match="broken.pt: not a checkpoint"):
        checkpoint.load(model, tmp_path / "broken.pt")


def test_divergence_leaves_the_last_good_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("models.train_and_write.load_dataset", lambda *given: synthetic_set())
    config = TINY.with_fields(learning_rate=1e30, weight_bits=32, activation_bits=32, epochs=3)
    with pytest.raises(RuntimeError, match=r"the loss became (nan|inf) in epoch \d+, step \d+; .*last_good.pt"):
        train_and_write(config, tmp_path / "net", "train net")
    state = torch.load(tmp_path / "net" / "last_good.pt", weights_only=True)
    assert all(torch.isfinite(value).all() for value in state.values())
    assert issubclass(Diverged, RuntimeError)
