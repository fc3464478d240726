"""The page's machinery: bars follow from numbers, missing results are said to be missing."""

import numpy as np
import pytest

from tests.benchmarks.context import Context
from tests.benchmarks.kept import Kept, NotRun
from tests.benchmarks.page import Bar, Section, at_most, markdown_table, page, pair, ratio
from tests.benchmarks.peers import ON_PAGE, SECTIONS
from tests.benchmarks.sections.tuner import reordered
from tests.nets import random_accelerator, random_inputs


@pytest.mark.parametrize("values, met, told", [
    ({"a": 0.5, "b": 0.85}, True, "0.85 at worst (b); median 0.85; 2 of 2 run"),
    ({"a": 0.5, "b": 0.8501}, False, "0.85 at worst (b); median 0.85; 2 of 2 run"),
    ({"a": 0.5, "b": None}, None, "0.50 at worst (a); median 0.50; 1 of 2 run"),
    ({"a": 0.9, "b": None}, False, "0.90 at worst (a); median 0.90; 1 of 2 run"),
    ({"a": None}, None, ""),
    ({"": 0.85}, True, "0.85"),
])
def test_a_bar_is_met_by_its_worst_value_and_only_when_all_were_run(values, met, told):
    assert at_most("on", "bar", values, 0.85) == Bar("on", "bar", told, met)


def test_cells_of_what_is_not_there():
    assert pair({"lut": 1234}, None, "lut") == "1,234 / -"
    assert pair({"lut": 1234}, {"lut": 2468}, "lut") == "1,234 / 2,468"
    assert ratio({"lut": 1234}, {"lut": 2468}, "lut") == 0.5
    assert ratio({"failed": "why"}, {"lut": 2468}, "lut") is None
    assert ratio({"lut": 1}, {"lut": 0}, "lut") is None


def test_page_has_every_bar_before_the_tables():
    bars = [Bar("x", "at most 1", "2", False, "physics"), Bar("y", "at most 1", "", None),
            Bar("y", "at most 1", "1 of 2 run", None), Bar("z", "at most 1", "1", True, "untold")]
    text = page([Section("Title", "Text.", ("a", "b"), [("1", "2")], bars)], "# Head\n")
    assert text == ("# Head\n\n## Bars\n\n" + markdown_table(("on", "bar", "measured", ""), [
        ("x", "at most 1", "2", "**not met**"), ("y", "at most 1", "", "not run"),
        ("y", "at most 1", "1 of 2 run", "open"), ("z", "at most 1", "1", "met")])
        + "\nWhat stands in the way:\n\n- x, at most 1: physics\n\n## Title\n\nText.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n")


def test_a_section_without_figures_stays_as_it_was():
    def made(first, second, met=False):
        bars = [Bar("x", "at most 1", first or "not run", met if first else None, "physics\n  and more")]
        return [Section("First", "Text.", ("a", "b"), [("1", first or "not run")], bars),
                Section("Second", "Text.", ("a",), [(second,)] if second else [], [Bar("y", "at most 1", second, True if second else None)])]

    early = page(made("2", "1"), "# Head\n\nWritten by it, on 2026-01-02, 2 cores\n")
    both = page(made("3", "1", True), "# Head\n\nWritten by it, on 2026-03-04, 2 cores\n", early)
    assert both == page(made("3", "1", True), "# Head\n\nWritten by it, on 2026-03-04, 2 cores\n"), "nothing of before"
    late = page(made("", "5"), "# Head\n\nWritten by it, on 2026-03-04, 2 cores\n", early)
    assert "| x | at most 1 | 2 | **not met** |\n| y | at most 1 | 5 | met |\n" in late
    assert "\n- x, at most 1: physics\n  and more\n\n## First\n\n(Measured on 2026-01-02.)\n\nText.\n\n| a | b |\n" in late
    assert "| --- | --- |\n| 1 | 2 |\n\n## Second\n\nText." in late
    assert page(made("", ""), "# Head\n", "# Head\n\nWritten by it, on 2026-01-02, 2 cores\n") == page([], "# Head\n"), "nothing then, nothing now"
    again = page(made("", "6"), "# Head\n\nWritten by it, on 2026-05-06, 2 cores\n", late)
    assert "## First\n\n(Measured on 2026-01-02.)\n\nText." in again and "| y | at most 1 | 6 | met |" in again


def test_results_are_kept_by_content(tmp_path):
    measured = []
    for parts in (["a", "b"], ["a", "b"], ["ab", ""]):
        Kept(tmp_path)("kind", parts, lambda: measured.append(1) or {"n": len(measured)})
    assert len(measured) == 2
    known = Kept(tmp_path, measure=False)
    assert known("kind", ["a", "b"], pytest.fail) == {"n": 1}
    with pytest.raises(NotRun):
        known("kind", ["other"], pytest.fail)
    assert Context(known, "python").run("a row", lambda: known("kind", ["other"], pytest.fail)) == {"failed": "not run"}


def test_every_section_is_on_the_page_and_stands_without_results(tmp_path):
    assert set(SECTIONS) == set(ON_PAGE)
    context = Context(Kept(tmp_path, measure=False), "python")
    for name in ("bit_planes", "folded", "emulation", "clock"):
        section = SECTIONS[name].section(SECTIONS[name].rows(context))
        assert section.bars and all(bar.met is None for bar in section.bars)
        assert all(len(row) == len(section.columns) for row in section.rows)


def test_another_order_of_neurons_is_the_same_network():
    net = random_accelerator((9, 12, 7, 4), zeros=0.5)
    other, x = reordered(net, 1), random_inputs(np.random.default_rng(0), 200, net.MW, net.idt)
    assert np.array_equal(net.execute(x), other.execute(x))
    assert not np.array_equal(net.layers[0].weights, other.layers[0].weights)
