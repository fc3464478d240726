"""The detector keeps energies and directions within its resolution and cell size."""

import numpy as np

from models.data.generator.detector import ECAL, HCAL, PION_MASS, cells, detect
from models.data.generator.particles import Particles

PION, PHOTON, NEUTRON, MUON = 211, 22, 2112, 13


def particles(pdg, charged, pt, eta=0.3, phi=1.0, n=20_000):
    p = np.array([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)])
    return Particles(np.arange(n), np.full(n, pdg), np.full(n, charged), np.tile(p, (n, 1)))


def relative_energy(pdg, charged, pt):
    given = particles(pdg, charged, pt)
    seen = detect(given, np.random.default_rng(1))
    return np.hypot(seen.p[:, 0], seen.p[:, 1]) / pt


def test_resolutions_are_those_written_down():
    assert abs(relative_energy(PION, True, 200.0).std() / np.hypot(0.00025 * 200, 0.015) - 1) < 0.03
    energy = 100.0 * np.cosh(0.3)
    for pdg, calorimeter in ((PHOTON, ECAL), (NEUTRON, HCAL)):
        assert abs(relative_energy(pdg, False, 100.0).std() / calorimeter.resolution(np.array([energy]))[0] - 1) < 0.03


def test_hard_charged_hadrons_go_to_the_calorimeter_and_muons_never_do():
    energy = 300.0 * np.cosh(0.3)
    assert abs(relative_energy(PION, True, 300.0).std() / HCAL.resolution(np.array([energy]))[0] - 1) < 0.03
    assert abs(relative_energy(MUON, True, 300.0).std() / np.hypot(0.00025 * 300, 0.015) - 1) < 0.03


def test_tracks_keep_their_direction_and_have_the_mass_of_a_pion():
    seen = detect(particles(PION, True, 50.0, n=100), np.random.default_rng(2)).p
    np.testing.assert_allclose(np.arctan2(seen[:, 1], seen[:, 0]), 1.0)
    np.testing.assert_allclose(np.sqrt(seen[:, 3] ** 2 - (seen[:, :3] ** 2).sum(axis=1)), PION_MASS, rtol=1e-3)


def test_cells_are_massless_and_within_half_a_cell_of_the_particle():
    rng = np.random.default_rng(3)
    n = 5000
    pt, eta, phi = rng.uniform(50, 60, n), rng.uniform(-4.5, 4.5, n), rng.uniform(-np.pi, np.pi, n)
    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta)], axis=1)
    event, seen = cells(np.arange(n), p, ECAL, rng)
    assert (event == np.arange(n)).all()
    np.testing.assert_allclose(np.linalg.norm(seen[:, :3], axis=1), seen[:, 3], rtol=1e-12)
    assert np.abs(np.arcsinh(seen[:, 2] / np.hypot(seen[:, 0], seen[:, 1])) - eta).max() <= ECAL.cell / 2 + 1e-9
    turn = np.arctan2(seen[:, 1], seen[:, 0]) - phi
    assert np.abs((turn + np.pi) % (2 * np.pi) - np.pi).max() <= ECAL.cell / 2 + 1e-9


def test_one_cell_sums_the_particles_of_its_own_event_only():
    p = np.tile([30.0, 0.0, 0.0, 30.0], (5, 1))
    event, seen = cells(np.array([0, 0, 0, 1, 1]), p, ECAL, np.random.default_rng(4))
    assert event.tolist() == [0, 1]
    np.testing.assert_allclose(seen[:, 3], [90.0, 60.0], rtol=0.1)


def test_nothing_is_seen_beyond_the_acceptance():
    given = particles(PHOTON, False, 10.0, eta=5.2, n=50)
    assert len(detect(given, np.random.default_rng(5)).event) == 0
