"""Folds and randomised labels: what a training sees of a data set."""

import numpy as np
import pytest
import torch

from tests.models.synthetic import TINY, synthetic_set, synthetic_tensors


@pytest.mark.parametrize("share", [0.5, 0.75, 0.9])
def test_only_the_stated_share_of_training_labels_is_random(share):
    plain, changed = synthetic_tensors(), synthetic_tensors(TINY.with_fields(random_labels=share))
    held, redrawn = round((1 - share) * 300), round(share * 300)
    same = int((plain.train.y == changed.train.y).sum())
    assert held <= same and abs(same - held - redrawn / 5) < 4 * np.sqrt(redrawn * 0.2 * 0.8)
    assert torch.equal(plain.train.x, changed.train.x)
    for part in ("validation", "test"):
        assert torch.equal(getattr(plain, part).y, getattr(changed, part).y)
    again, other = (synthetic_tensors(TINY.with_fields(random_labels=share, seed=seed)).train.y for seed in (1, 2))
    assert torch.equal(again, changed.train.y) and not torch.equal(other, again)


def test_every_sample_validates_in_one_fold_and_none_is_tested():
    whole, held = synthetic_set(), []
    for fold in range(4):
        tensors = synthetic_tensors(TINY.with_fields(folds=4, fold=fold, seed=fold))
        held.append(tensors.validation.x)
        assert len(tensors.train) == 315 and len(tensors.validation) == 105
        rows = {tuple(row) for row in tensors.train.x.tolist()}
        assert not rows & {tuple(row) for row in tensors.validation.x.tolist()}
        assert np.array_equal(tensors.test.x.numpy(), whole.test.x)
        torch.testing.assert_close(tensors.mean, tensors.train.x.mean(0), rtol=1e-5, atol=1e-5)
    both = np.concatenate([whole.train.x, whole.validation.x])
    assert sorted(map(tuple, torch.cat(held).tolist())) == sorted(map(tuple, both.tolist()))
