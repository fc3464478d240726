import numpy as np

from models.data.split import SPLIT_SEED, stratified_split


def test_parts_hold_every_row_once_in_the_stated_shares():
    y = np.repeat([0, 1, 2], [1000, 400, 200])
    parts = stratified_split(y)
    assert sorted(np.concatenate(parts).tolist()) == list(range(1600))
    for part, share in zip(parts, (0.60, 0.15, 0.25)):
        assert np.bincount(y[part]).tolist() == [round(share * n) for n in (1000, 400, 200)]


def test_the_seed_decides():
    y = np.repeat([0, 1], 100)
    first, again, other = stratified_split(y), stratified_split(y, SPLIT_SEED), stratified_split(y, SPLIT_SEED + 1)
    assert all((a == b).all() for a, b in zip(first, again))
    assert not all((a == b).all() for a, b in zip(first, other))


def test_parts_are_in_random_order():
    y = np.repeat([0, 1], 500)
    for part in stratified_split(y):
        assert 0.35 < y[part[: len(part) // 2]].mean() < 0.65
