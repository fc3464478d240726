"""What the peer's counts are made of, and what is held against them."""

import numpy as np
import pytest

from finn_steps.rtl.activation import reachable
from tests.benchmarks import peer_alkaid
from tests.benchmarks.kept import Kept
from tests.benchmarks.sections import alkaid as section
from tests.nets import random_accelerator

ADDER = "module ternary_adder #(\n    parameter W = 4\n) (\n    input [W-1:0] a,\n    output [W-1:0] y\n);\n    assign y = a;\nendmodule\n"


@pytest.mark.slow
def test_a_column_of_a_ternary_adder_is_a_lut_and_nothing_in_it_is_counted(tmp_path, monkeypatch):
    """Beside it the top has one function."""
    top = "module alkaid_net(input [3:0] x, output [3:0] y, output z);\nternary_adder #(.W(4)) it(x, y);\nassign z = &x;\nendmodule\n"
    made = {"files": {peer_alkaid.ADDER: ADDER.replace("= a;", "= a * a;"), "net.v": top}, "top": "alkaid_net", "latency": 2.0, "cost": 9.0,
            "setting": {}, "ternary_bits": 4}
    monkeypatch.setattr(peer_alkaid, "run", lambda *_: made)
    counts = peer_alkaid.alkaid(Kept(tmp_path), "python", random_accelerator((4, 2)), 1, "ternary")
    assert (counts["lut"], counts["latency"], counts["estimate"]) == (1 + 4, 2, 9.0)


@pytest.mark.parametrize("bits", [4, 7])
def test_the_constants_of_its_affine_form_count_the_thresholds(bits):
    layer = random_accelerator((12, 6, 3), activation_bits=bits, scales="float", seed=bits).layers[0]
    for row in range(layer.MH):
        acc = np.arange(layer.accumulator_min[row], layer.accumulator_max[row] + 1)
        m, c, s = peer_alkaid.constants(layer, row)
        always, some = reachable(layer.thresholds[row], int(acc[0]), int(acc[-1]))
        assert m or len(some) < 2
        if m:
            assert np.array_equal(np.clip(m * acc + c >> s, 0, len(some)) + always, np.searchsorted(layer.thresholds[row], acc, side="right"))


def test_ours_is_held_against_the_lesser_of_its_counts():
    row = {"ours": {"lut": 60}, "binary": {"lut": 120}, "ternary": {"lut": 100}}
    assert section.worst_ratio(row) == 0.6
    assert section.worst_ratio({**row, "ternary": {"failed": "not run"}}) is None


def test_every_network_has_one_bar():
    named = [name for _, _, names in section.groups() for name in names]
    assert sorted(named) == sorted({name for name, _ in section.cases()})
