"""The vectorised correlators against their definitions, on small jets."""

import itertools
import math

import numpy as np
import pytest

from models.data.generator.correlators import GROUP, correlators


def make_jets(sizes, seed=0, phi_centre=3.0):
    """Ragged jets of radius 0.4; their azimuths run over the seam at pi."""
    rng = np.random.default_rng(seed)
    n = int(np.sum(sizes))
    pt = rng.exponential(size=n) + 1e-3
    z = np.concatenate([part / part.sum() for part in np.split(pt, np.cumsum(sizes)[:-1])])
    phi = (phi_centre + rng.uniform(-0.4, 0.4, n) + np.pi) % (2 * np.pi) - np.pi
    return z, rng.uniform(-0.4, 0.4, n) + 1.1, phi, np.asarray(sizes)


def brute_force(z, rapidity, phi):
    def angle(i, j):
        turn = abs(phi[i] - phi[j])
        return math.hypot(rapidity[i] - rapidity[j], min(turn, 2 * math.pi - turn))

    pairs = list(itertools.combinations(range(len(z)), 2))
    triples = list(itertools.combinations(range(len(z)), 3))
    e2 = [math.fsum(z[i] * z[j] * angle(i, j) ** b for i, j in pairs) for b in (0, 1, 2)]
    rest = []
    for kind in (math.prod, lambda edges: edges[0], lambda edges: edges[0] * edges[1]):
        for b in (1, 2):
            edges = {t: sorted(angle(*pair) for pair in itertools.combinations(t, 2)) for t in triples}
            rest.append(math.fsum(z[i] * z[j] * z[k] * kind(edges[i, j, k]) ** b for i, j, k in triples))
    return np.array(e2 + rest)


def as_columns(c):
    return np.concatenate([c.e2, c.e3, c.e3_smallest, c.e3_two_smallest], axis=1)


def test_equal_the_definition_for_every_small_size():
    sizes = [2, 3, 4, 5, 9, 14, 3, 2, 7] * 3
    z, rapidity, phi, sizes = make_jets(sizes)
    assert len(sizes) > GROUP
    ends = np.cumsum(sizes)
    expected = [brute_force(z[e - n : e], rapidity[e - n : e], phi[e - n : e]) for e, n in zip(ends, sizes)]
    np.testing.assert_allclose(as_columns(correlators(z, rapidity, phi, sizes)), expected, rtol=1e-12, atol=1e-18)


def test_a_pair_has_no_triples():
    c = correlators(np.array([0.25, 0.75]), np.array([0.0, 0.3]), np.array([0.0, 0.4]), np.array([2]))
    np.testing.assert_allclose(c.e2, [[0.1875, 0.1875 * 0.5, 0.1875 * 0.25]])
    assert not c.e3.any() and not c.e3_smallest.any() and not c.e3_two_smallest.any()


def test_coincident_constituents_count_with_angle_zero():
    c = correlators(np.array([0.5, 0.25, 0.25]), np.array([0.0, 0.3, 0.3]), np.zeros(3), np.array([3]))
    np.testing.assert_allclose(c.e2[0, 1], 2 * 0.125 * 0.3)
    assert c.e3[0, 0] == 0 and c.e3_smallest[0, 0] == 0 and c.e3_two_smallest[0, 0] == 0


@pytest.mark.parametrize("turn", [0.1, 1.0, math.pi, 6.0])
def test_do_not_change_when_a_jet_is_turned_in_azimuth(turn):
    z, rapidity, phi, sizes = make_jets([40, 25, 60, 8], seed=1, phi_centre=0.0)
    turned = (phi + turn + np.pi) % (2 * np.pi) - np.pi
    before, after = correlators(z, rapidity, phi, sizes), correlators(z, rapidity, turned, sizes)
    np.testing.assert_allclose(as_columns(after), as_columns(before), rtol=1e-10)


def test_do_not_change_when_a_jet_is_boosted_along_the_beam():
    z, rapidity, phi, sizes = make_jets([30, 12], seed=2)
    np.testing.assert_allclose(
        as_columns(correlators(z, rapidity - 1.7, phi, sizes)), as_columns(correlators(z, rapidity, phi, sizes)), rtol=1e-10
    )


def test_a_jet_is_the_same_alone_and_in_company():
    z, rapidity, phi, sizes = make_jets([17, 50, 3, 17, 80], seed=3)
    together = as_columns(correlators(z, rapidity, phi, sizes))
    ends = np.cumsum(sizes)
    for jet, (end, n) in enumerate(zip(ends, sizes)):
        part = slice(end - n, end)
        np.testing.assert_allclose(as_columns(correlators(z[part], rapidity[part], phi[part], sizes[jet : jet + 1]))[0], together[jet], rtol=1e-12)
