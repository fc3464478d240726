"""The scale benchmark on its two smallest networks, and its fits on figures that are known."""

import csv
import math

import pytest

from tests.benchmarks.scale import FITTED, Asked, expected, fit, main, sizes, told_row


def rows(exponent, count=4):
    sizes = [1000 * 4**i for i in range(count)]
    return [{"asked": size, "nonzeros": size, **dict.fromkeys(FITTED, 3.0 * size**exponent), "lut_from": "estimate"} for size in sizes]


def test_sizes():
    assert sizes(100, 10_000) == [100, 300, 1000, 3000, 10_000]
    assert sizes(250, 2500) == [250, 300, 1000, 2500]


def test_the_fit_finds_the_exponent_and_what_was_not_built_is_no_point_of_it():
    known = rows(1.25)
    assert fit(known, "build_s") == pytest.approx((3.0, 1.25))
    beyond = {"asked": 10**6, **expected(10**6, known)}
    assert beyond["build_s"] == pytest.approx(3.0 * 1e6**1.25, rel=1e-3)
    assert fit([*known, {**beyond, "build_s": 1.0}], "build_s") == pytest.approx((3.0, 1.25))
    assert "not built within 5 s" in told_row(beyond, Asked(256, False, 10, 0, 5))
    assert math.isnan(fit([{**row, "asked": 900} for row in known], "build_s")[1]), "too small"


@pytest.mark.slow
@pytest.mark.parametrize("most, built", [(300, [300]), (1000, [300, 1000])])
def test_builds(tmp_path, capsys, most, built):
    main(["--least", "300", "--most", str(most), "--ii", "32", "--samples", "20", "--synthesise", "0", "--output", str(tmp_path)])
    with (tmp_path / "scale.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [int(row["asked"]) for row in found] == built and {row["styles"] for row in found} == {"folded"}
    assert all(0.4 * int(row["asked"]) < int(row["nonzeros"]) <= int(row["asked"]) for row in found)
    assert all(float(row[name]) > 0 for row in found for name in FITTED)
    assert (tmp_path / "scale.png").stat().st_size > 10_000
    assert "build time (s): nonzeros ^ " in capsys.readouterr().out


def test_a_build_that_takes_too_long_is_said_to(tmp_path, capsys):
    main(["--least", "300", "--most", "1000", "--limit", "0.2", "--output", str(tmp_path)])
    assert capsys.readouterr().out.count("not built within 0.2 s") == 2
