"""The shipped jets: whole, unchanged, and physics."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from models.data import load_dataset
from models.data.generator.names import CLASSES, FEATURES
from models.data.shipped import FILE, SHA256, load_shipped


@pytest.fixture(scope="module")
def jets():
    return load_dataset("qapjets")


@pytest.fixture(scope="module")
def features(jets):
    """{class: {feature: values}} of all rows."""
    parts = (jets.train, jets.validation, jets.test)
    x, y = np.concatenate([part.x for part in parts]), np.concatenate([part.y for part in parts])
    return {name: dict(zip(FEATURES, x[y == label].T.astype(np.float64))) for label, name in enumerate(CLASSES)}


def test_the_set_is_the_one_described(jets):
    assert jets.name == "qapjets" and jets.sha256 == SHA256
    assert jets.features == FEATURES and jets.classes == CLASSES == ("g", "q", "t", "w", "z")
    assert [part.x.shape for part in (jets.train, jets.validation, jets.test)] == [(36_000, 16), (9_000, 16), (15_000, 16)]
    assert [np.bincount(part.y).tolist() for part in (jets.train, jets.validation, jets.test)] == [[7200] * 5, [1800] * 5, [3000] * 5]
    assert jets.train.x.dtype == np.float32 and jets.train.y.dtype == np.int64


def test_the_file_holds_what_the_card_says(jets):
    with np.load(FILE) as arrays:
        assert arrays["X"].shape == (60_000, 16) and arrays["X"].dtype == np.float32
        assert np.bincount(arrays["y"]).tolist() == [12_000] * 5
        assert tuple(arrays["features"]) == FEATURES and tuple(arrays["classes"]) == CLASSES
        assert len(np.unique(arrays["X"], axis=0)) == 60_000
    text = FILE.with_suffix(".md").read_text()
    assert SHA256 in text
    for name, mean, std in zip(jets.features, jets.mean, jets.std):
        assert f"| {name} | {mean:.4g} | {std:.4g} |" in text


def test_a_changed_file_is_refused(tmp_path):
    changed = tmp_path / "qapjets.npz"
    shutil.copy(FILE, changed)
    with open(changed, "r+b") as stream:
        stream.seek(1000)
        stream.write(b"\x00")
    with pytest.raises(ValueError, match="not that of the shipped set.*git checkout"):
        load_shipped(changed)
    with pytest.raises(FileNotFoundError, match="missing.*git checkout"):
        load_shipped(tmp_path / "absent.npz")


def test_loading_needs_neither_torch_nor_the_generator():
    program = (
        "import sys; from models.data import load_dataset; load_dataset(); "
        "sys.exit(' '.join({'torch', 'pythia8mc', 'fastjet', 'awkward', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=FILE.parents[2])
    assert done.returncode == 0, done.stderr


def peak(values, low, high, width=1.0):
    """The mode: the summit of a parabola through the histogram around its highest bin."""
    counts, edges = np.histogram(values, np.arange(low, high + width, width))
    centres = (edges[1:] + edges[:-1]) / 2
    top = counts.argmax()
    near = slice(max(top - 4, 0), top + 5)
    a, b, _ = np.polyfit(centres[near] - centres[top], counts[near], 2)
    assert a < 0
    return centres[top] - b / (2 * a)


@pytest.mark.parametrize("jet_class, mass, low, high", [("w", 80.4, 50, 120), ("z", 91.2, 60, 130), ("t", 173.0, 140, 220)])
def test_groomed_masses_peak_at_the_particle(features, jet_class, mass, low, high):
    """Tops outside the window are those whose decay is not all in the jet."""
    assert abs(peak(features[jet_class]["mass_mmdt"], low, high, width=2.0 if jet_class == "t" else 1.0) - mass) < 3.0


def test_one_feature_repeats_another(features):
    for columns in features.values():
        assert (columns["d2_a1_b1_mmdt"] == columns["d2_b1_mmdt"]).all()


def test_features_keep_their_bounds(features):
    for columns in features.values():
        n = columns["multiplicity"]
        assert (n >= 2).all() and (n == np.round(n)).all()
        assert (columns["zlogz"] <= 0).all() and (columns["zlogz"] >= -np.log(n) - 1e-5).all()
        assert (columns["c1_b0_mmdt"] > 0).all() and (columns["c1_b0_mmdt"] <= 0.5).all()
        for name in FEATURES[1:15]:
            assert (columns[name] >= 0).all()
        for b in (1, 2):
            assert (columns[f"c2_b{b}_mmdt"] <= columns[f"d2_b{b}_mmdt"]).all()


def test_physics_orders_the_classes(features):
    """Gluons radiate more than quarks (colour factors 3 and 4/3); bosons have two prongs, hence low D2 and N2; the top weighs most."""
    median = {name: {key: np.median(values) for key, values in columns.items()} for name, columns in features.items()}
    assert median["g"]["multiplicity"] > 1.4 * median["q"]["multiplicity"]
    for boson in "wz":
        for qcd in "gq":
            assert median[boson]["n2_b1_mmdt"] < median[qcd]["n2_b1_mmdt"]
    assert median["t"]["mass_mmdt"] > median["z"]["mass_mmdt"] > median["w"]["mass_mmdt"] > median["g"]["mass_mmdt"] > median["q"]["mass_mmdt"]
