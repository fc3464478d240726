"""Every nonzero is worked on once, in time for its row, by a lane that can reach its input; and few cycles are idle."""

import numpy as np
import pytest

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.folding.collect import collect
from finn_steps.folding.schedule import schedule
from tests.nets import random_weights


def layer(weights, PE, SIMD):
    return SparseLayer("layer", weights, np.zeros(len(weights)), None, "UINT4", "INT32", Folding("folded", PE, SIMD))


def k_of_n(rng, MH, MW, k):
    weights = rng.integers(1, 8, (MH, MW))
    for row in weights:
        row[rng.permutation(MW)[k:]] = 0
    return weights


def by_magnitude(rng, MH, MW, zeros):
    """Rows of unequal strength, cut at one threshold: rows of unequal length."""
    weights = rng.normal(size=(MH, MW)) * rng.uniform(0.5, 1.5, (MH, 1))
    weights[np.abs(weights) < np.quantile(np.abs(weights), zeros)] = 0
    return np.sign(weights) * np.ceil(np.abs(weights))


@pytest.mark.parametrize(
    "MH, MW, PE, SIMD, zeros",
    [(8, 6, 1, 1, 0.5), (8, 6, 8, 6, 0.5), (9, 15, 3, 5, 0.7), (7, 13, 7, 1, 0.6), (7, 13, 1, 13, 0.9), (12, 16, 4, 4, 0.0),
     (12, 16, 6, 8, 1.0), (5, 1, 5, 1, 0.4), (64, 64, 4, 8, 0.75)],
)
def test_every_nonzero_once(MH, MW, PE, SIMD, zeros):
    one = layer(random_weights(np.random.default_rng(MH), MH, MW, 4, zeros), PE, SIMD)
    plan = schedule(one)
    assert plan.column.shape == (PE, plan.cycles, SIMD)
    done = np.zeros((MH, MW), dtype=int)
    for pe, cycle, lane in np.argwhere(plan.column >= 0):
        column, current = plan.column[pe, cycle, lane], plan.row_at(pe, cycle)
        done[plan.rows[pe][current + plan.ahead[pe, cycle, lane]], column] += 1
        assert plan.owner[column] == lane % plan.owners
    assert np.array_equal(done, one.weights != 0)
    assert sorted(row for rows in plan.rows for row in rows) == list(range(MH))
    assert all(list(times) == sorted(set(times)) for times in plan.finish)
    assert len(set(zip(plan.owner, plan.address))) == MW
    assert schedule(layer(one.weights, PE, SIMD)).cycles == plan.cycles == one.cycles
    collection = collect(plan)
    assert sorted(row for row in collection.rows.ravel() if row >= 0) == list(range(MH))
    assert collection.last < collection.first + plan.cycles


@pytest.mark.parametrize("MH, MW, k, PE, SIMD", [(64, 64, 16, 8, 4), (64, 64, 16, 8, 8), (32, 64, 5, 8, 2), (32, 64, 13, 4, 4)])
def test_k_of_n_rows_are_never_idle_for_more_than_a_twentieth(MH, MW, k, PE, SIMD):
    one = layer(k_of_n(np.random.default_rng(1), MH, MW, k), PE, SIMD)
    assert one.cycles <= 1.05 * one.nonzeros / (PE * SIMD)


@pytest.mark.parametrize(
    "MH, MW, zeros, PE, SIMD",
    [(32, 32, 0.75, 4, 4), (64, 32, 0.75, 8, 4), (32, 64, 0.75, 4, 8), (64, 16, 0.75, 8, 2), (256, 256, 0.9, 8, 4)],
)
def test_rows_of_unequal_length(MH, MW, zeros, PE, SIMD):
    one = layer(by_magnitude(np.random.default_rng(2), MH, MW, zeros), PE, SIMD)
    assert one.cycles <= 1.15 * one.nonzeros / (PE * SIMD)
