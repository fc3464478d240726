"""Work beside the steps of a build: its result, its errors, its end; and Yosys, which is such work."""

import threading
import time

import pytest

import build_dataflow.steps
from build_dataflow.beside import begin, beside_steps, result_of
from build_dataflow.building import build
from build_dataflow.configuration import BuildOptions
from build_dataflow.verify import VerificationError
from finn_steps.tools.processes import run_child

COUNTS = {"family": "xc7", "lut_from": "yosys", "lut": 1000, "ff": 500, "carry": 40, "dsp": 0, "bram": 2, "lutram": 10, "logic_levels": 6,
          "tool": "yosys", "timed_out": False, "timeout_s": 1, "other_families": {}}


def test_it_runs_beside_and_its_result_is_waited_for():
    go = threading.Event()
    with beside_steps():
        begin("work", lambda value: go.wait(20) and value, 3)
        go.set()
        assert result_of("work", pytest.fail) == 3
        assert result_of("work", lambda: 4) == 4, "taken once"


def test_without_a_place_for_it_nothing_is_begun():
    begin("work", pytest.fail)
    assert result_of("work", lambda value: value + 1, 2) == 3


def test_its_error_comes_where_its_result_is_asked_for():
    with pytest.raises(OSError, match="full"), beside_steps():
        begin("work", lambda: (_ for _ in ()).throw(OSError("full")))
        result_of("work", pytest.fail)


def test_an_error_in_a_step_ends_it():
    begun = time.monotonic()
    with pytest.raises(ValueError, match="wrong"), beside_steps():
        begin("work", run_child, ["sleep", "300"])
        raise ValueError("wrong")
    assert time.monotonic() - begun < 60


@pytest.fixture
def asked(small_model):
    return BuildOptions(name="small", model=small_model, samples=100, proof=False)


def test_yosys_begins_with_the_rtl(asked, tmp_path, monkeypatch):
    verified, seen = threading.Event(), {}

    def synthesise(folder, options):
        seen["verified before"] = verified.is_set()
        assert verified.wait(120)
        return COUNTS

    def verify(folder, options, of=build_dataflow.steps.verify_build):
        of(folder, options)
        verified.set()

    monkeypatch.setattr(build_dataflow.steps, "synthesise_build", synthesise)
    monkeypatch.setattr(build_dataflow.steps, "verify_build", verify)
    assert build(asked, tmp_path / "out")["synthesis"] == COUNTS
    assert seen == {"verified before": False}


def test_yosys_ends_with_a_build_that_fails(asked, tmp_path, monkeypatch):
    def fails(*_):
        raise VerificationError("differs")

    monkeypatch.setattr(build_dataflow.steps, "synthesise_build", lambda *_: run_child(["sleep", "300"]))
    monkeypatch.setattr(build_dataflow.steps, "verify_build", fails)
    begun = time.monotonic()
    with pytest.raises(VerificationError, match="differs"):
        build(asked, tmp_path / "out")
    assert time.monotonic() - begun < 200
