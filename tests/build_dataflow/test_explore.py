"""`build --explore`, budgets and rates of the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from build_dataflow.cli import cli
from build_dataflow.configuration import read_options


def run(*arguments):
    return CliRunner().invoke(cli, ["build", *map(str, arguments)], catch_exceptions=False)


def test_explore_prints_and_plots_without_building(small_model, tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_CACHE", str(tmp_path / "cache"))
    done = run(small_model, "--explore", "--json", "--output", tmp_path / "out")
    assert done.exit_code == 0, done.output
    points = json.loads(done.stdout)
    assert {point["style"] for point in points} == {"unrolled", "bitplane", "serial", "folded", "any"}
    for style in {point["style"] for point in points}:
        rates = [point["ii"] for point in points if point["style"] == style]
        assert rates == sorted(set(rates))
    best = {point["ii"]: point["lut"] for point in points if point["style"] == "any"}
    assert best[1] <= min(point["lut"] for point in points if point["ii"] == 1)
    assert json.loads((tmp_path / "out" / "report" / "explore.json").read_text()) == points
    assert (tmp_path / "out" / "report" / "explore.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report"]


@pytest.mark.parametrize("overrides, expected", [
    ({}, (7, None)), ({"target_fps": 1e7}, (None, 1e7)), ({"lut_budget": 900}, (None, None)), ({"lut_budget": 900, "target_ii": 3}, (3, None)),
    ({"max_latency_ns": 300.0}, (7, None)),
])
def test_a_rate_or_budget_of_the_command_line_replaces_the_files_rate(small_model, tmp_path, overrides, expected):
    (tmp_path / "build.yaml").write_text(json.dumps({"model": str(small_model), "target_ii": 7}))
    found = read_options(str(tmp_path / "build.yaml"), overrides)
    assert (found.target_ii, found.target_fps) == expected
