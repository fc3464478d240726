"""The process of the proofs: what it writes, and what is told where it does not live."""

import json
from subprocess import CompletedProcess
from types import SimpleNamespace

from build_dataflow import proving
from build_dataflow.proving import proofs_of, prove_build
from finn_steps.folding.streams import save_accelerator
from finn_steps.rtl.generate import generate
from tests.nets import random_accelerator

ASKED = SimpleNamespace(require_proof=False, input_quant=None)


def test_what_is_there_is_proved_and_what_is_not_is_told(tmp_path):
    """A folder without the user's file: the Verilog is proved all the same."""
    accelerator = random_accelerator((4, 3), zeros=0.3, seed=1)
    save_accelerator(accelerator, tmp_path)
    generate(accelerator, tmp_path / "rtl")
    prove_build(tmp_path, ASKED)
    ours, file = proofs_of(tmp_path)
    assert ours["proved_layers"] == ["layer0"] and not ours["not_proved"]
    assert file["proved_layers"] == [] and list(file["not_proved"]) == ["layer0"]
    assert json.loads((tmp_path / "report" / "undecided.json").read_text()) == {"accumulators": []}


def test_where_the_process_dies_nothing_is_proved_and_the_build_goes_on(tmp_path, monkeypatch):
    save_accelerator(random_accelerator((4, 3, 2), zeros=0.3, seed=1), tmp_path)
    monkeypatch.setattr(proving, "run_child", lambda *_, **__: CompletedProcess([], -9, "", "one\nKilled\n"))
    prove_build(tmp_path, ASKED)
    reason = "the process of the proof ended with exit code -9 (Killed)"
    assert all(told["proved_layers"] == [] and told["not_proved"] == dict.fromkeys(("layer0", "layer1"), reason) for told in proofs_of(tmp_path))
