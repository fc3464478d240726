"""A few faulty designs, and none survives; `python -m tests.mutation` makes hundreds."""

import pytest

from tests.mutation import KINDS, STYLES, run


@pytest.mark.parametrize("designs", [2, pytest.param(len(STYLES) * len(KINDS), marks=pytest.mark.slow)])
def test_what_survives_is_little(designs):
    counts, survivors = run(designs, seed=5)
    assert sum(counts.values()) == designs
    assert not [mutant for mutant in survivors if mutant.kind in ("weight", "sign", "memory")]
