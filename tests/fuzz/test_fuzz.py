"""Two hundred random networks: none wrong, none a traceback, most of them built exactly."""

from collections import Counter

import pytest

from tests.fuzz.__main__ import main
from tests.fuzz.network import KINDS, network
from tests.fuzz.outcome import outcome

COUNTS = {"brevitas": 15, "ort": 25, "graphs": 80}
EXACT = {"brevitas": 0.85, "ort": 0.6, "graphs": 0.75}
"""The least share that must be built exactly; the rest is refused in one line."""


@pytest.mark.parametrize("kind", KINDS)
def test_random_networks(kind):
    found = {seed: outcome(network(kind, seed)) for seed in range(COUNTS[kind])}
    bad = [f"{kind} {seed}: {o.kind}: {o.detail}" for seed, o in found.items() if o.kind not in ("exact", "refused")]
    assert not bad, "\n".join(bad)
    counts = Counter(o.kind for o in found.values())
    assert counts["exact"] >= EXACT[kind] * len(found), counts


def test_command_counts_and_says_what_failed(capsys):
    assert main(["--networks", "4", "--kind", "graphs", "--seed", "3"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("graphs: ")
