"""A few faulty designs, and none survives; `python -m tests.mutation` makes hundreds."""

import json

import pytest

from finn_steps.proof import cells
from finn_steps.proof.prove import Proof
from finn_steps.rtl.generate import generate
from tests.mutation import KINDS, STYLES, run, sources, table
from tests.nets import random_accelerator
from tests.same import ROUNDS, does_the_same

ADD = cells._add


@pytest.mark.parametrize("designs", [2, pytest.param(len(STYLES) * len(KINDS), marks=pytest.mark.slow)])
def test_nothing_survives(designs, tmp_path):
    found = run(designs, seed=5, kept=tmp_path / "kept.jsonl")
    assert len(found) == designs and not [each for each in found if each["defence"] == "nothing"]
    assert [json.loads(line) for line in (tmp_path / "kept.jsonl").read_text().splitlines()] == found
    assert table(found).splitlines()[-1].startswith("| all | ")


def test_a_run_goes_on_where_it_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.mutation.caught_by", lambda folder, accelerator, mutant, cache: "proof")
    monkeypatch.setattr("tests.mutation.prove", lambda *_: Proof((), {}))
    monkeypatch.setattr("tests.mutation.simulates", lambda *_: True)
    monkeypatch.setattr("tests.mutation.Simulation.build", lambda *_: None)
    kept = tmp_path / "kept.jsonl"
    whole = run(9, seed=5, kept=kept)
    kept.write_text("".join(line + "\n" for line in kept.read_text().splitlines()[:4]))
    assert run(9, seed=5, kept=kept, seconds=0) == whole[:4]
    assert run(9, seed=5, kept=kept) == whole
    kept.write_text(kept.read_text().replace('"proof"', '"nothing"', 1))
    assert run(9, seed=5, kept=kept) == whole and "nothing" not in kept.read_text(), "survivors are tried again"
    with pytest.raises(RuntimeError, match="of another seed"):
        run(9, seed=6, kept=kept)


def without_signs(word, width, signed):
    return (word + [0] * width)[:width]


def a_bit_short(graph, cell, inputs):
    """Additions that lose their highest bit."""
    return [*ADD(graph, cell, inputs)[:-1], 0]


@pytest.mark.parametrize("fault", [
    lambda patch: patch.setattr(cells, "_extended", without_signs),
    lambda patch: patch.setitem(cells._MAKERS, "$add", a_bit_short),
], ids=["signs", "widths"])
@pytest.mark.slow
def test_a_checker_that_misreads_does_not_pass_the_unchanged_designs(tmp_path, monkeypatch, fault):
    fault(monkeypatch)
    with pytest.raises(RuntimeError, match="unchanged, is not proved"):
        sources(tmp_path, 5)


def test_same_is_seen_and_another_is_not(tmp_path):
    generate(random_accelerator(widths=(4, 3), zeros=0.3, seed=1), tmp_path / "a")
    generate(random_accelerator(widths=(4, 3), zeros=0.3, seed=1), tmp_path / "b")
    core = next(path for path in (tmp_path / "b").glob("*core*.sv"))
    assert does_the_same(tmp_path / "a", tmp_path / "b")
    changed = core.read_text().replace("\n        - {", "\n        + {", 1)
    assert changed != core.read_text()
    core.write_text(changed)
    assert not does_the_same(tmp_path / "a", tmp_path / "b")


def test_a_register_that_nobody_reads_may_differ(tmp_path):
    """An accumulator is filled from above by what has not come down when it is read: its bits differ, the answers do not. Shifted the
    other way, they do."""
    text = """module finn_accel (input wire logic clk, input wire logic [3:0] x, output logic [1:0] y);
        logic [3:0] since, sum;
        always_ff @(posedge clk) since <= {since[2:0], x[3]};
        always_ff @(posedge clk) sum <= x[3] ? {x[1:0], 2'd0} : FILL;
        always_ff @(posedge clk) if (since[1]) y <= sum[1:0];
    endmodule"""
    accelerator = random_accelerator(widths=(4, 3), zeros=0.3, seed=1)
    changes = {"a": "{1'd0, sum[3:1]}", "b": "{1'd1, sum[3:1]}", "c": "{1'd1, sum[2:0]}"}
    for name, change in changes.items():
        generate(accelerator, tmp_path / name)
        for file in [*(tmp_path / name).glob("*.sv"), *(tmp_path / name).glob("*.mem")]:
            file.write_text(text.replace("FILL", change) if file.name == "finn_accel.sv" else "")
    assert does_the_same(tmp_path / "a", tmp_path / "b", rounds=ROUNDS) and not does_the_same(tmp_path / "a", tmp_path / "b")
    assert not does_the_same(tmp_path / "a", tmp_path / "c", rounds=ROUNDS)
