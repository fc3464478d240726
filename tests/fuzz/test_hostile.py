"""Eighty hostile inputs: each refused in one clear line, or read rightly; within 60 s and 2 GB, and nothing touched."""

import importlib.util
from collections import Counter

import numpy as np
import pytest

from tests.fuzz.hostile import builds
from tests.fuzz.hostile.__main__ import results, table
from tests.fuzz.hostile.files import KINDS, kind_of
from tests.fuzz.hostile.reading import CLEAN, refusal

INPUTS = 80


def test_hostile_inputs_are_refused_in_one_line_or_read_rightly():
    told = list(results(range(INPUTS), None))
    assert [(r["kind"], r["seed"], r["found"], r["detail"], r["told"]) for r in told if r["found"] not in CLEAN] == []
    counts = Counter(r["found"] for r in told)
    assert counts["refused"] > INPUTS / 2 and counts["accepted"] > INPUTS / 20, "most are bad, and some are none the worse for it"
    assert f"| all | {INPUTS} | {counts['refused']} | {counts['accepted']} | 0 |" in table(told)


def test_every_kind_of_file_is_tried():
    assert {kind_of(seed) for seed in range(INPUTS)} == set(KINDS)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("hgq") is None, reason="HGQ2 is not installed (requirements/hgq2.txt)")
def test_keras_files_too():
    assert [r for r in results(range(40), "keras") if r["found"] not in CLEAN] == []


@pytest.mark.slow
def test_what_is_accepted_builds_and_is_equal_to_its_file(tmp_path):
    accepted = [r for r in results(range(30), None) if r["found"] == "accepted" and r["kind"] in ("onnx", "accelerator")][:3]
    told = list(builds.results(accepted))
    assert len(told) == 3 and {r["found"] for r in told} <= set(builds.FINE), told


@pytest.mark.parametrize("verification, found", [
    ({"samples": 200, "mismatches": 0, "original": {"mismatches": 0}}, "equal"),
    ({"samples": 200, "mismatches": 1, "original": {"mismatches": 0}}, "wrong"),
    ({"samples": 200, "mismatches": 0, "original": {"mismatches": 1}}, "wrong"),
    ({"samples": 0, "mismatches": 0, "original": {"mismatches": 0}}, "wrong"),
])
def test_what_a_build_comes_to(verification, found):
    assert builds.compared(verification)[0] == found


def raised(work):
    try:
        work()
    except Exception as error:  # noqa: BLE001
        return error
    raise AssertionError("nothing was raised")


def ours(text):
    raise ValueError(text)


@pytest.mark.parametrize("work, kind", [
    (lambda: ours("table.csv: no column"), "refused"),
    (lambda: open("/no/such/file"), "refused"),
    (lambda: ours(" "), "unclear"),
    (lambda: ours(f"it is {object()}"), "unclear"),
    (lambda: np.zeros(-1), "traceback"),
    (lambda: {}["a"], "traceback"),
    (lambda: b"\xff".decode(), "traceback"),
    (lambda: [][1], "traceback"),
])
def test_what_is_a_refusal_and_what_is_none(work, kind):
    assert refusal(raised(work)).kind == kind
