"""Every nonzero is worked on once, in time for its row, by a lane that can reach its input; and few cycles are idle."""

from dataclasses import replace

import numpy as np
import pytest

from finn_steps.accelerator import Folding, SparseLayer
from finn_steps.folding.collect import collect
from finn_steps.folding.schedule import BACKLOGS, _pack_pe, deal_rows, divide_columns, lane_luts, schedule
from tests.finn_steps.folding import plain_schedule
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
     (12, 16, 6, 8, 1.0), (7, 47, 1, 6, 0.7), (10, 23, 3, 4, 0.5), (5, 1, 5, 1, 0.4), (64, 64, 4, 8, 0.75)],
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
    assert schedule(layer(one.weights, PE, SIMD)).cycles == plan.cycles
    collection = collect(plan)
    assert sorted(row for row in collection.rows.ravel() if row >= 0) == list(range(MH))
    assert collection.last < collection.first + plan.cycles


def least_cycles(one):
    """No schedule takes fewer: lanes, the longest row, a row a cycle, and the PE that has most rows, be they the shortest."""
    PE, SIMD, lengths = one.folding.PE, one.folding.SIMD, np.sort((one.weights != 0).sum(1))
    most = -(-one.MH // PE)
    work = max(one.nonzeros / PE, int(lengths[-1]), int(lengths[:most].sum()))
    return max(-(-work // SIMD), most)


SHAPES = [(32, 32, 0.75), (64, 32, 0.75), (32, 64, 0.75), (64, 64, 0.9), (37, 100, 0.8), (48, 80, 0.6)]
FOLDINGS = [(1, 1), (1, 2), (2, 2), (4, 1), (4, 2), (4, 4), (8, 2), (8, 4), (2, 5), (5, 3), (16, 1), (1, 8), (2, 16), (None, 1), (1, None)]


@pytest.mark.parametrize("make, bar", [(k_of_n, 1.05), (by_magnitude, 1.15)])
def test_few_cycles_are_idle(make, bar):
    """The bar of issue 5 on nonzeros / (PE x SIMD) wherever that many cycles are possible at all; elsewhere on what is. A PE works on
    two rows at a time and finishes one a cycle: rows of fewer than two cycles cannot always fill its lanes."""
    held = 0
    for MH, MW, zeros in SHAPES:
        weights = make(np.random.default_rng(2), MH, MW, round(MW * (1 - zeros)) if make is k_of_n else zeros)
        for PE, SIMD in FOLDINGS:
            one = layer(weights, PE or MH, SIMD or MW)
            ideal, least = one.nonzeros / ((PE or MH) * (SIMD or MW)), least_cycles(one)
            if ideal < 3:
                continue
            short = one.nonzeros / MH < 2 * (SIMD or MW)
            allowed = max(bar * max(ideal, least), least + 1) * (1.02 if short else 1)
            cycles = schedule(one).cycles
            assert cycles <= allowed, (MH, MW, PE, SIMD, cycles, least)
            held += cycles <= bar * ideal
    assert held >= 65


@pytest.mark.parametrize("MH, MW, zeros, PE, SIMD", [(64, 16, 0.75, 8, 2), (256, 256, 0.9, 8, 4)])
def test_rows_of_unequal_length(MH, MW, zeros, PE, SIMD):
    one = layer(by_magnitude(np.random.default_rng(2), MH, MW, zeros), PE, SIMD)
    assert schedule(one).cycles <= 1.15 * one.nonzeros / (PE * SIMD)


def test_more_cycles_buy_cheaper_lanes():
    one = layer(by_magnitude(np.random.default_rng(2), 32, 64, 0.75), 4, 8)
    fewest = schedule(one)
    cheap = schedule(replace(one, folding=replace(one.folding, max_cycles=fewest.cycles + 8)))
    assert fewest.cycles < cheap.cycles <= fewest.cycles + 8
    assert lane_luts(one, cheap) < lane_luts(one, fewest)
    assert schedule(replace(one, folding=replace(one.folding, max_cycles=1))).cycles == fewest.cycles


@pytest.mark.parametrize("MH, MW, zeros, PE, SIMD, owners", [
    (9, 14, 0.5, 3, 4, 2), (30, 20, 0.3, 4, 6, 6), (17, 40, 0.8, 5, 8, 1), (24, 12, 1.0, 2, 4, 4), (40, 33, 0.6, 1, 8, 4)])
def test_loops_are_the_plain_ones(MH, MW, zeros, PE, SIMD, owners):
    """Rows to PEs, inputs to owners, and nonzeros to lanes by every rule, compiled and plain."""
    nonzero = random_weights(np.random.default_rng(PE), MH, MW, 4, zeros) != 0
    dealt = deal_rows(nonzero.sum(1), PE, SIMD)
    assert dealt == plain_schedule.deal_rows(nonzero.sum(1), PE, SIMD)
    owner, plain = (divide(nonzero, dealt, owners, np.random.default_rng(0)) for divide in (divide_columns, plain_schedule.divide_columns))
    assert np.array_equal(owner, plain)
    shuffled = np.random.default_rng(1).permutation(dealt[0])
    for ahead in (False, True):
        for rule in (*BACKLOGS, shuffled):
            found, wanted = (pack(nonzero, dealt[0], owners, owner, SIMD, ahead, rule) for pack in (_pack_pe, plain_schedule.pack_pe))
            assert found[:2] == wanted[:2]
            assert all(np.array_equal(a, b) for a, b in zip(found[2:], wanted[2:]))
