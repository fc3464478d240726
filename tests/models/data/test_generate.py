"""The generator: the same bits for a seed whatever happens, and physics against independent truths.

Tests that need Pythia and FastJet skip when requirements/jets.txt is not installed; the slow ones install it.
"""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import models.data.generate as generation
from models.data.extras import ensure, missing
from models.data.generate import generate, plan

REPOSITORY = Path(__file__).resolve().parents[3]
needs_jets = pytest.mark.skipif(bool(missing("jets")), reason="requirements/jets.txt is not installed")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_plan_makes_every_jet_once():
    tasks = plan(12_003, seed=5)
    totals = Counter()
    for task in tasks:
        totals[task.jet_class] += task.jets
    assert totals == {"g": 2401, "q": 2401, "t": 2401, "w": 2400, "z": 2400}
    assert len({(task.jet_class, task.chunk) for task in tasks}) == len(tasks) and max(task.jets for task in tasks) == 1000


def test_a_longer_plan_begins_with_the_full_chunks_of_a_shorter_one():
    full = {task for task in plan(10_000, seed=5)}
    assert full <= set(plan(20_000, seed=5))


@pytest.mark.parametrize("jets, seed, name, message", [(4, 1, "a.npz", "at least 5"), (9, -1, "a.npz", "negative"), (9, 1, "a.csv", "npz")])
def test_wrong_arguments(tmp_path, jets, seed, name, message):
    with pytest.raises(ValueError, match=message):
        generate(jets, seed, tmp_path / name)
    assert not list(tmp_path.iterdir())


@needs_jets
def test_a_chunk_is_decided_by_class_number_and_seed():
    from models.data.generator.chunk import generate_chunk

    first = generate_chunk("w", 0, 12, 7)
    assert first.shape == (12, 16) and first.dtype == np.float32 and np.isfinite(first).all()
    assert (generate_chunk("w", 0, 12, 7) == first).all()
    assert (generate_chunk("w", 1, 12, 7) != first).any() and (generate_chunk("w", 0, 12, 8) != first).any()


@pytest.mark.slow
def test_one_and_two_workers_give_the_same_bits(tmp_path, monkeypatch):
    ensure("jets")
    monkeypatch.setattr(generation, "CHUNK", 6)
    done = []
    one, two = generate(61, 3, tmp_path / "one.npz", workers=1), generate(61, 3, tmp_path / "two.npz", workers=2, progress=done.append)
    assert sha256(one) == sha256(two) and sum(done) == 61
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]
    with np.load(one) as arrays:
        assert arrays["X"].shape == (61, 16) and np.bincount(arrays["y"]).tolist() == [13, 12, 12, 12, 12]


@pytest.mark.slow
def test_a_killed_generation_resumes_with_the_same_bits(tmp_path, monkeypatch):
    ensure("jets")
    program = (
        "import models.data.generate as g; from pathlib import Path; g.CHUNK = 5; g.generate(60, 4, Path('killed.npz').resolve(), workers=2)"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
    parts = tmp_path / "killed.npz.parts"
    deadline = time.monotonic() + 120
    while len(list(parts.glob("[a-z]*.npy"))) < 3:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    time.sleep(1.0)
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("[a-z]*.npy")}
    assert 3 <= len(finished) < 15 and not (tmp_path / "killed.npz").exists()
    monkeypatch.setattr(generation, "CHUNK", 5)
    monkeypatch.setattr(generation.shutil, "rmtree", lambda folder: None)
    generate(60, 4, tmp_path / "killed.npz", workers=1)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    monkeypatch.undo()
    monkeypatch.setattr(generation, "CHUNK", 5)
    assert sha256(generate(60, 4, tmp_path / "straight.npz", workers=2)) == sha256(tmp_path / "killed.npz")


@pytest.mark.slow
def test_workers_end_with_their_parent(tmp_path):
    ensure("jets")
    program = "import models.data.generate as g; from pathlib import Path; g.generate(20000, 4, Path('orphan.npz').resolve(), workers=1)"
    running = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children")
    deadline = time.monotonic() + 60
    while not (workers := [int(pid) for pid in children.read_text().split() if "spawn_main" in command_line(int(pid))]):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(2.0)
    running.kill()
    running.wait()
    while any("spawn_main" in command_line(pid) for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except FileNotFoundError:
        return ""


@needs_jets
def test_polarised_decays_follow_sine_squared():
    from models.data.generator.polarisation import draw_cosine

    u = np.linspace(0, 1, 101)
    cosine = np.array([draw_cosine(v) for v in u])
    np.testing.assert_allclose((3 * cosine - cosine**3 + 2) / 4, u, atol=1e-12)


@needs_jets
@pytest.mark.parametrize("jet_class, boson", [("w", 24), ("z", 23)])
def test_the_hook_makes_every_boson_longitudinal_and_keeps_its_momentum(jet_class, boson):
    import pythia8mc

    from models.data.generator.events import EventSource

    source = EventSource(jet_class, np.random.SeedSequence(2))
    pythia, cosines = source._pythia, []
    for setting in ("PartonLevel:all = off", "HadronLevel:all = off"):
        pythia.readString(setting)
    pythia.init()
    for _ in range(1000):
        if not pythia.next():
            continue
        for i in range(pythia.process.size()):
            parent = pythia.process.at(i)
            if abs(parent.id()) != boson:
                continue
            daughters = [pythia.process.at(j).p() for j in (parent.daughter1(), parent.daughter2())]
            momentum = parent.p()
            for axis in ("px", "py", "pz", "e"):
                assert abs(sum(getattr(p, axis)() for p in daughters) - getattr(momentum, axis)()) < 1e-6
            rest = pythia8mc.Vec4(daughters[0])
            rest.bstback(momentum)
            along = rest.px() * momentum.px() + rest.py() * momentum.py() + rest.pz() * momentum.pz()
            cosines.append(along / (rest.pAbs() * momentum.pAbs()))
    assert len(cosines) > 1900
    assert abs(np.mean(cosines)) < 0.04
    assert abs(np.mean(np.square(cosines)) - 0.2) < 0.015


@needs_jets
def test_grooming_equals_declustering_by_hand():
    import fastjet

    from models.data.generator.clustering import Jets, groom

    rng = np.random.default_rng(6)
    sizes = np.array([1, 2, 5, 30, 60])
    pt, y, phi = rng.exponential(30, sizes.sum()), rng.normal(0, 0.15, sizes.sum()), rng.normal(0, 0.15, sizes.sum())
    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)], axis=1)
    groomed = groom(Jets(p, sizes))
    ends, groomed_ends = np.cumsum(sizes), np.cumsum(groomed.sizes)
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0)
    for jet in range(len(sizes)):
        inputs = fastjet.vectorPJ([fastjet.PseudoJet(*row) for row in p[ends[jet] - sizes[jet] : ends[jet]].tolist()])
        sequence = fastjet._swig.ClusterSequence(inputs, definition)
        branch = sequence.inclusive_jets()[0]
        while True:
            a, b = fastjet.PseudoJet(), fastjet.PseudoJet()
            if not branch.has_parents(a, b):
                break
            if min(a.pt(), b.pt()) / (a.pt() + b.pt()) > 0.1:
                break
            branch = a if a.pt() > b.pt() else b
        expected = sorted((c.px(), c.py()) for c in branch.constituents())
        got = groomed.p[groomed_ends[jet] - groomed.sizes[jet] : groomed_ends[jet]]
        np.testing.assert_allclose(sorted(map(tuple, got[:, :2])), expected)


@needs_jets
def test_the_leading_jet_is_the_hardest_and_events_without_one_are_left_out():
    from models.data.generator.clustering import leading_jets
    from models.data.generator.detector import Candidates

    def row(pt, y, phi):
        return [pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)]

    p = [row(50, 0, 0), row(200, 0, 0), row(30, 0.2, 0.1), row(190, 0, 2.0), row(60, 0, 2.2), row(20, 1, 1), row(300, 2, -3)]
    jets = leading_jets(Candidates(np.array([0, 1, 1, 1, 1, 2, 3]), np.array(p)))
    assert jets.sizes.tolist() == [2, 1]
    np.testing.assert_allclose(jets.p, np.array(p)[[3, 4, 6]])


@needs_jets
@pytest.mark.parametrize("momenta", [[], [50.0, 40.0], [500.0, 400.0]])
def test_no_jets_and_jets_of_one_constituent_give_no_rows(momenta):
    from models.data.generator.clustering import groom, leading_jets
    from models.data.generator.detector import Candidates
    from models.data.generator.features import jet_features

    p = np.array([[pt, 0.0, 0.0, pt] for pt in momenta]).reshape(-1, 4)
    jets = leading_jets(Candidates(np.arange(len(p)), p))
    assert len(jets.sizes) == (2 if 500.0 in momenta else 0) and jet_features(jets, groom(jets)).shape == (0, 16)


@needs_jets
def test_features_follow_their_definitions():
    from models.data.generator.clustering import Jets, groom
    from models.data.generator.correlators import correlators
    from models.data.generator.features import jet_features
    from models.data.generator.names import FEATURES

    rng = np.random.default_rng(8)
    sizes = np.array([25, 40])
    pt, y, phi = rng.exponential(30, 65), rng.normal(0, 0.15, 65), rng.normal(0, 0.15, 65)
    jets = Jets(np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(y), pt * np.cosh(y)], axis=1), sizes)
    got = dict(zip(FEATURES, jet_features(jets, groom(jets)).T))
    groomed = groom(jets)
    px, py, pz, energy = groomed.p[: groomed.sizes[0]].T
    z = np.hypot(px, py) / np.hypot(px, py).sum()
    c = correlators(z, np.arctanh(pz / energy), np.arctan2(py, px), groomed.sizes[:1])
    e2, e3 = dict(zip((0, 1, 2), c.e2[0])), dict(zip((1, 2), c.e3[0]))
    z_energy = jets.p[:25, 3] / jets.p[:25, 3].sum()
    expected = {
        "zlogz": (z_energy * np.log(z_energy)).sum(), "multiplicity": 25,
        "mass_mmdt": np.sqrt(energy.sum() ** 2 - px.sum() ** 2 - py.sum() ** 2 - pz.sum() ** 2),
        **{f"c1_b{b}_mmdt": e2[b] for b in (0, 1, 2)},
        **{f"c2_b{b}_mmdt": e3[b] / e2[b] ** 2 for b in (1, 2)},
        **{f"d2_b{b}_mmdt": e3[b] / e2[b] ** 3 for b in (1, 2)},
        **{f"d2_a1_b{b}_mmdt": e3[1] / e2[b] ** (3 / b) for b in (1, 2)},
        **{f"m2_b{b}_mmdt": c.e3_smallest[0, b - 1] / e2[b] for b in (1, 2)},
        **{f"n2_b{b}_mmdt": c.e3_two_smallest[0, b - 1] / e2[b] ** 2 for b in (1, 2)},
    }  # fmt: skip
    assert set(expected) == set(FEATURES)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name][0], value, rtol=1e-5, err_msg=name)


@pytest.mark.slow
def test_the_generator_still_makes_the_shipped_jets():
    """Its provenance, on the kind of machine it was made on: another processor may round differently."""
    ensure("jets")
    import json

    from models.data.generator.chunk import generate_chunk
    from models.data.shipped import FILE

    with np.load(FILE) as arrays:
        provenance, x = json.loads(str(arrays["provenance"])), arrays["X"]
    chunk = provenance["chunk"]
    assert (generate_chunk("z", 11, chunk, provenance["seed"]) == x[-chunk:]).all()


@needs_jets
def test_the_command_makes_a_set_that_loads(tmp_path):
    from click.testing import CliRunner

    from build_dataflow.commands.data import command
    from models.data import load_dataset

    output = tmp_path / "mine.npz"
    arguments = ["generate", "--jets", "50", "--seed", "1", "--output", str(output), "--workers", "2"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and f"sha256 {sha256(output)}" in done.output
    dataset = load_dataset(output)
    assert dataset.classes == ("g", "q", "t", "w", "z") and len(dataset.train) == 30 and dataset.sha256 == sha256(output)


def test_an_install_that_fails_is_one_line_with_the_way_out(tmp_path, monkeypatch):
    import models.data.extras as extras

    (tmp_path / "odd.txt").write_text("# a pin that cannot be\nqapflow-no-such-package==not.a.version\n")
    monkeypatch.setattr(extras, "REQUIREMENTS", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert missing("odd") == ["qapflow-no-such-package==not.a.version"]
    said = []
    with pytest.raises(RuntimeError, match="could not be installed.*by hand: pip install --no-deps -r requirements/odd.txt") as caught:
        ensure("odd", said.append)
    assert "\n" not in str(caught.value) and "installing qapflow-no-such-package" in said[0]
