"""The scale benchmark on its two smallest networks, and its fits on figures that are known."""

import csv
import math

import pytest

from finn_steps.accelerator import Folding
from finn_steps.accelerator.simplify import simplify
from finn_steps.folding.cost import estimate
from finn_steps.importer.lower import import_model
from tests.benchmarks import scale
from tests.benchmarks.page import section_of, with_section
from tests.benchmarks.scale import FITTED, PICTURE, TITLE, Asked, expected, fit, judged, main, run, section, settings, sizes, told_row


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


def test_the_section_takes_the_place_of_the_one_before_it(tmp_path):
    asked, text = Asked(256, False, 10, 0, 5), "# Page\n\n## One\n\nText.\n\n## Three\n\nMore.\n"
    first = with_section(text, section([{**row, **settings(asked)} for row in rows(1.0)], asked))
    assert first.startswith(text) and "nonzeros ^ 1.00, from 4 builds" in section_of(first, TITLE)
    between = first.replace("## Three", "## Size\n\nformer\n\n## Three").removesuffix(section_of(first, TITLE))
    second = with_section(between, section(rows(1.2), asked))
    assert "former" not in second and "nonzeros ^ 1.20" in section_of(second, TITLE) and section_of(second, "Three") == "\n## Three\n\nMore.\n"
    assert section_of(text, TITLE) == ""


def test_the_bar_needs_both_ends():
    ends = [{**row, "asked": size} for row, size in zip(rows(1.05, 5), (1000, 4000, 16000, 64000, 100_000))]
    assert judged(ends)[1] is True and judged(ends[:-1]) == ("", None)
    steep = [{**row, "build_s": 1e-3 * row["nonzeros"] ** 1.2} for row in ends]
    assert judged(steep) == ("1.20", False)


def test_a_row_that_is_kept_is_not_measured_again(tmp_path, monkeypatch, capsys):
    asked, counted = Asked(256, False, 10, 0, 5), []

    def measured(size, asked):
        counted.append(size)
        return None if size > 1000 else {**rows(1.0)[0], "asked": size, "nonzeros": size, "ii": 256, "commit": "0123456"}

    monkeypatch.setattr(scale, "measured", measured)
    first = run([300, 1000, 3000], asked, tmp_path)
    assert run([300, 1000, 3000], asked, tmp_path) == first
    assert counted == [300, 1000, 3000, 3000], "what was given up is tried again"
    run([300], Asked(64, False, 10, 0, 5), tmp_path)
    run([300], asked, tmp_path, again=True)
    assert counted[4:] == [300, 300]


@pytest.mark.slow
@pytest.mark.parametrize("most, built", [(300, [300]), (1000, [300, 1000])])
def test_builds(tmp_path, capsys, most, built):
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("# Page\n")
    main(["--least", "300", "--most", str(most), "--ii", "32", "--samples", "20", "--synthesise", "0", "--output", str(tmp_path),
          "--page", str(page)])
    found = list(csv.DictReader((tmp_path / "scale.csv").open()))
    assert [int(row["asked"]) for row in found] == built and {row["styles"] for row in found} == {"folded"}
    assert all(0.4 * int(row["asked"]) < int(row["nonzeros"]) <= int(row["asked"]) for row in found)
    assert all(float(row[name]) > 0 for row in found for name in FITTED)
    assert (page.parent / PICTURE).stat().st_size > 10_000
    assert "## Size" in page.read_text() and "build time (s): nonzeros ^ " in capsys.readouterr().out


def test_a_build_that_takes_too_long_is_said_to(tmp_path, capsys):
    main(["--least", "300", "--most", "1000", "--limit", "0.2", "--output", str(tmp_path)])
    assert capsys.readouterr().out.count("not built within 0.2 s") == 2


def test_lanes_keep_the_rate_and_cost_no_more_than_other_shares():
    accelerator = simplify(import_model(scale.network(3000), "scale").accelerator).accelerator
    chosen = {name: Folding(**way) for name, way in scale.lanes(accelerator, 64).items()}
    built = estimate(accelerator.with_foldings(chosen))
    assert all(layer.cycles <= scale.LATE * 64 for layer in built.layers)
    wide = {layer.name: Folding("folded", min(layer.MH, -(-layer.nonzeros // 64))) for layer in accelerator.layers}
    assert built.lut < estimate(accelerator.with_foldings(wide)).lut
