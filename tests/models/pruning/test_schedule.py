"""The published schedule of Hawks et al. 2021, by its shares."""

import pytest

from models.pruning.schedule import PUBLISHED, remaining_after


def test_published_shares():
    """Twelve trainings: one dense, then one for each of these shares of all weights."""
    assert PUBLISHED == pytest.approx((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.033, 0.011), abs=1e-3)


def test_shares_by_hand():
    assert remaining_after((0.5, 0.5, 0.2)) == pytest.approx((0.5, 0.25, 0.2))
