"""The parts of a measurement that need no board: the bottleneck's name, power, batch sizes, the picture, pynq's environment."""

import subprocess
import sys
import types

import numpy as np
import pytest

from deploy import environment, power
from deploy.measure import (
    BOARD_CYCLES,
    SIMULATED_CYCLES,
    BatchResult,
    batch_sizes,
    bottleneck,
    measure_power,
    samples_within,
)
from deploy.measure_from_here import measure_remotely


def result(batch, seconds=1.0, host=0.0, interval=1.0, latency=20.0):
    return BatchResult(
        batch, 1, seconds, batch / seconds, host / 2, host / 2, 0.0, 20, latency, 20, interval if batch > 1 else None, 0, 0, None
    )


@pytest.mark.parametrize(
    "largest, batch, expected",
    [
        (dict(seconds=0.0105, host=0.001, interval=1.0), None, "accelerator"),
        (dict(seconds=0.0205, host=0.001, interval=2.0), None, "DMA"),
        (dict(seconds=0.0500, host=0.049, interval=1.0), None, "host packing"),
        (dict(seconds=0.0105, host=0.001, interval=1.0), dict(batch=10, seconds=0.001), "batch overhead"),
        (dict(seconds=0.0105, host=0.001, interval=1.0), dict(batch=1, seconds=0.001), "batch overhead"),
    ],
)
def test_bottleneck_of_a_million_at_100_mhz(largest, batch, expected):
    whole = result(1_000_000, **largest)
    one = whole if batch is None else result(**batch)
    assert bottleneck(one, whole, pattern_interval=1.0, clock_mhz=100.0, simulated=False) == expected


def test_batch_sizes():
    assert batch_sizes(1_000_000) == [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    assert batch_sizes(300) == [1, 10, 100, 300] and batch_sizes(1) == [1]


def test_the_largest_batch_is_by_the_ii():
    cycles = SIMULATED_CYCLES[1]
    assert [samples_within(cycles, ii) for ii in (1.0, 2.4, 128.0, 2048.0, 10**6, 10**9)] == [10**6, 10**6, 10**4, 1000, 10, 10]
    assert samples_within(BOARD_CYCLES[1], 1.0) == samples_within(BOARD_CYCLES[1], 2048.0) == 10**6


def test_power_is_read_where_there_are_rails(monkeypatch):
    watts = iter([2.0] + [3.0] * 10_000)
    rails = {
        "12V": types.SimpleNamespace(power=types.SimpleNamespace(value=1.5)),
        "fan": types.SimpleNamespace(),
        "0V85": types.SimpleNamespace(power=type("Sensor", (), {"value": property(lambda self: next(watts))})()),
    }
    monkeypatch.setitem(sys.modules, "pynq", types.SimpleNamespace(pmbus=types.SimpleNamespace(get_rails=lambda: rails)))
    monkeypatch.setitem(sys.modules, "pynq.pmbus", sys.modules["pynq"].pmbus)
    meter = power.PowerMeter()
    assert set(meter.rails) == {"12V", "0V85"}
    seen = meter.watch(lambda: None)
    assert seen["12V"] == 1.5 and seen["0V85"] == 3.0
    driver = types.SimpleNamespace(batch=4, predict=lambda x: None)
    monkeypatch.setattr("deploy.measure.IDLE_S", 0.05)
    monkeypatch.setattr("deploy.measure.WORK_S", 0.05)
    found = measure_power(driver, np.zeros((3, 2)))
    assert found["rail"] == "0V85" and found["joule_per_sample"] == pytest.approx(3.0 / found["samples_per_s"])
    assert found["joule_per_sample_above_idle"] == pytest.approx(0.0, abs=1e-12)


def test_no_rails_no_power(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynq.pmbus", None)
    assert power.PowerMeter().rails == {} and measure_power(None, None) is None


@pytest.mark.slow
def test_the_environment_for_pynq_says_why_it_cannot_be_made(monkeypatch, tmp_path):
    monkeypatch.setenv("QAPFLOW_VENV_BOARD", str(tmp_path / "venv"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(environment, "LOCK_FILE", tmp_path / "board.txt")
    (tmp_path / "board.txt").write_text("no-such-package-of-ours==1.0\n")
    with pytest.raises(RuntimeError, match="could not be made: .*no-such-package-of-ours"):
        environment.board_python()
    (tmp_path / "board.txt").write_text("")
    said = []
    python = environment.board_python(said.append)
    assert subprocess.run([python, "-c", ""]).returncode == 0 and "for pynq (once)" in said[0]
    assert environment.board_python(said.append) == python and len(said) == 1


def test_measure_without_a_package_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no package here; make one with"):
        measure_remotely(tmp_path, "board", 10, tmp_path, print)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["measure", "jet_qap"], "say either --simulate or --board HOST"),
        (["measure", "jet_qap", "--simulate", "--board", "x"], "say either"),
        (["measure", "nothing_of_that_name", "--simulate"], "no finished build here"),
    ],
)
def test_the_command_line_refuses(arguments, message, capsys):
    from build_dataflow.cli import main

    assert main(arguments) in (1, 2)
    assert message in capsys.readouterr().err
