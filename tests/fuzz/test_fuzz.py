"""Two hundred random networks: none wrong, none a traceback, most of them built exactly."""

from collections import Counter

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.network import KINDS, network
from tests.fuzz.outcome import outcome

COUNTS = {"brevitas": (12, 30), "ort": (20, 40), "graphs": (60, 130)}
"""Of the networks of each kind those of every test run, and all."""
EXACT = {"brevitas": 0.85, "ort": 0.6, "graphs": 0.75}
"""The least share that must be built exactly; the rest is refused in one line."""


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", KINDS)
def test_random_networks(kind, whole):
    found = {seed: outcome(network(kind, seed)) for seed in range(COUNTS[kind][whole])}
    bad = [f"{kind} {seed}: {o.kind}: {o.detail}" for seed, o in found.items() if o.kind not in ("exact", "refused")]
    assert not bad, "\n".join(bad)
    counts = Counter(o.kind for o in found.values())
    assert counts["exact"] >= EXACT[kind] * len(found), counts


def test_command_counts_and_says_what_failed(capsys):
    assert main(["--networks", "4", "--kind", "graphs", "--seed", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("graphs: ")
