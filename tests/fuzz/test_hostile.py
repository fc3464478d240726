"""Eighty hostile inputs: each refused in one clear line, or read rightly; within 60 s and 2 GB, and nothing touched."""

from collections import Counter

import numpy as np
import pytest

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
