"""Every figure is drawn from a table that has its arms, and no figure without."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from models.study.pictures import PICTURES, STYLE, draw_all, grouped


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setitem(STYLE, "savefig.dpi", 40)


def made_up_table(arms):
    rng = np.random.default_rng(0)
    rows = []
    for arm in arms:
        for seed in (1, 2, 3):
            for kept in (400, 100, 40):
                row = {"arm": arm, "seed": seed, "kept": kept, "bops": kept * 100.0 + seed, "accuracy": rng.uniform(0.6, 0.8),
                       "auc": 0.9, "neural_efficiency": rng.uniform(0, 0.2), "aiq": 0.4}
                rows.append(row | {f"background_{name}": rng.uniform(0.01, 0.1) for name in "gqtwz"})
    return pd.DataFrame(rows)


ARMS = ["width 4 bits", "width 6 bits", "lottery ticket", "no L1", "no BN", "random labels 50 %", "fisher", "random", "dpp",
        "search", "best of search"]


@pytest.mark.slow
def test_every_figure_is_drawn(tmp_path):
    made_up_table(ARMS).to_csv(tmp_path / "table.csv", index=False)
    pd.DataFrame({"epoch": [0, 1] * 2, "layer": [0, 0, 1, 1], "confidence": 0.5, "diversity": 0.2}).to_csv(tmp_path / "masks.csv")
    drawn = draw_all(tmp_path)
    assert {path.stem for path in drawn} == set(PICTURES)
    assert all(path.stat().st_size > 2000 for path in drawn) and not plt.get_fignums()


def test_a_figure_without_its_arms_is_left_out(tmp_path):
    made_up_table(["width 6 bits", "fisher"]).to_csv(tmp_path / "table.csv", index=False)
    stems = {path.stem for path in draw_all(tmp_path)}
    assert "methods" in stems and "accuracy_bops" in stems and not stems & {"lottery", "labels", "search", "masks"}


def test_every_study_has_pictures_of_its_own_arms(tmp_path):
    """Whatever its arms are called; with the error of one sample where there are no repeats, and none without any arm."""
    table = made_up_table(["mine", "yours"]).assign(accuracy_error=0.004, nonzeros=lambda t: t.kept, lut=lambda t: 9.0 * t.kept)
    table.to_csv(tmp_path / "table.csv", index=False)
    assert {path.stem for path in draw_all(tmp_path)} == {"arms_nonzeros", "arms_lut"}
    made_up_table(["mine"]).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "bare").mkdir()
    (tmp_path / "table.csv").rename(tmp_path / "bare" / "table.csv")
    assert draw_all(tmp_path / "bare") == [] and not (tmp_path / "bare" / "pictures").exists()


def test_axes_have_titles_and_labels(tmp_path):
    table = made_up_table(ARMS)
    for name, draw in PICTURES.items():
        figure = draw(table, pd.DataFrame({"epoch": [0], "layer": [0], "confidence": [0.5], "diversity": [0.2]}))
        for axis in figure.axes:
            assert axis.get_title() and axis.get_xlabel() and axis.get_ylabel(), name
        plt.close(figure)


def test_bands_are_standard_errors():
    frame = pd.DataFrame({"kept": [10, 10, 10, 5], "bops": [1.0, 2.0, 3.0, 9.0], "accuracy": [0.1, 0.2, 0.6, 0.4]})
    levels = grouped(frame, "bops", "accuracy")
    assert levels.x.tolist() == [2.0, 9.0] and np.allclose(levels["mean"], [0.3, 0.4])
    assert np.allclose(levels.error, [np.sqrt(0.07 / 3), 0.0])
