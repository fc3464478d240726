"""`data show` on small tables of every shape."""

import numpy as np
import pytest
from click.testing import CliRunner

from build_dataflow.commands.data import command
from models.data.picture import _axis_name, _edges


def small_table(path, features, classes, rows=60):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(classes), rows)
    x = rng.normal(size=(len(y), features)) + y[:, None]
    x[:, 0] = np.round(np.exp(x[:, 0]))
    np.savez(path, X=x, y=y, features=[f"column_{i}$" for i in range(features)])


@pytest.mark.parametrize("features, classes", [(1, 2), (5, 3), (9, 8)])
def test_show_draws_any_table(tmp_path, monkeypatch, features, classes):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path))
    small_table(tmp_path / "table.npz", features, classes)
    done = CliRunner().invoke(command, ["show", "--data", str(tmp_path / "table.npz"), "--output", str(tmp_path / "a.png")], catch_exceptions=False)
    assert done.exit_code == 0 and "float MLP: test accuracy" in done.output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_show_refuses_another_format(tmp_path):
    small_table(tmp_path / "table.npz", 2, 2)
    done = CliRunner().invoke(command, ["show", "--data", str(tmp_path / "table.npz"), "--output", str(tmp_path / "a.txt")])
    assert isinstance(done.exception, ValueError) and ".png" in str(done.exception)


def test_axes():
    spread, log = _edges(np.geomspace(1e-3, 1.0, 1000))
    assert log and spread[0] > 0
    assert not _edges(np.geomspace(1e-3, 1.0, 1000), may_be_log=False)[1]
    assert not _edges(np.linspace(-1, 1, 1000))[1]
    counts, log = _edges(np.arange(30.0))
    assert not log and (counts % 1 == 0.5).all()


@pytest.mark.parametrize("feature, name", [("n2_b1_mmdt", r"$N_2^{\beta=1}$"), ("d2_a1_b2_mmdt", "$D_2^{(1,2)}$"), ("my_column", "my_column")])
def test_physicists_names(feature, name):
    assert _axis_name(feature) == name


@pytest.mark.parametrize("arguments", [["generate"], ["show"], ["card"], []])
def test_help_has_an_example(arguments):
    done = CliRunner().invoke(command, [*arguments, "--help"])
    assert done.exit_code == 0 and (not arguments or "Example" in done.output)
