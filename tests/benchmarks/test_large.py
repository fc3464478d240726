"""The section of large networks follows from the kept summaries, and the page of the peers leaves it where it is."""

import copy
import json

import pytest

from tests.benchmarks import large, peers, yosys_profile
from tests.benchmarks.page import section_of
from tests.benchmarks.yosys_profile import section as yosys_section
from tests.large_nets import CASES, SAMPLES

SUMMARY = {
    "model": {"weights": 1000}, "cpu_s": 61.5, "cores": 1,
    "verification": {"samples": SAMPLES, "rtl_samples": SAMPLES, "mismatches": 0},
    "hardware": {"ii_cycles": 64.0, "layers": [{"nonzeros": 300}, {"nonzeros": 400}]}, "estimate": {"lut": 4000, "ff": 5000, "bram": 6},
    "time_s": {"total": 70.2, "steps": {f"step_{step}": 1.0 for step in large.STEPS}}, "memory_mb": {"peak": 900},
}


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.setattr(large, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(large, "PAGE", tmp_path / "page.md")
    large.PAGE.write_text("# Page\n\n## Bars\n\nnone\n")
    return large.PAGE


def keep(cases, **changed):
    for case in cases:
        large.place(case).write_text(json.dumps({**copy.deepcopy(SUMMARY), **changed}))


def test_bars_follow_from_the_summaries(page):
    keep(CASES[:-1])
    assert [bar.met for bar in large.section().bars] == [None, None], "one is not built"
    keep(CASES)
    found = large.section()
    assert [bar.met for bar in found.bars] == [True, True] and len(found.rows) == len(CASES)
    assert found.rows[0][:11] == ("kwsmlp", "ZCU104", "64", "64", "1,000", "700", "4,000", "5,000", "6", f"{SAMPLES} of {SAMPLES}", "70")


@pytest.mark.parametrize("changed, fault", [
    ({"verification": {**SUMMARY["verification"], "mismatches": 1}}, "exact"),
    ({"verification": {**SUMMARY["verification"], "rtl_samples": SAMPLES - 1}}, "exact"),
    ({"hardware": {**SUMMARY["hardware"], "ii_cycles": 65.0}}, "the rate"),
    ({"estimate": {**SUMMARY["estimate"], "lut": 10**6}}, "the part"),
    ({"estimate": {**SUMMARY["estimate"], "bram": 10**4}}, "the part"),
    ({"memory_mb": {"peak": 4097}}, "memory"),
])
def test_what_a_build_did_not_keep_to_is_told(page, changed, fault):
    keep(CASES)
    keep(CASES[:1], **changed)
    built, memory = large.section().bars
    assert built.met is False and built.why == f"kwsmlp, ZCU104: {fault}" and memory.met == (fault != "memory")


def test_the_page_of_the_peers_keeps_sections_that_write_themselves(page):
    keep(CASES)
    large.main(["--page-only"])
    told = section_of(page.read_text(), large.TITLE)
    assert told.count("| kwsmlp |") == 1 and "| met |" in told
    profile = yosys_section("net", "unrolled", yosys_profile.count({"LUT6": 7}, 0), [("read", 1.0, 90)])
    both = large.with_section(page.read_text(), profile)
    assert "7 LUT" in section_of(both, yosys_profile.TITLE)
    assert peers.others(both) == told + section_of(both, yosys_profile.TITLE)
