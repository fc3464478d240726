"""onnxruntime against hardware, with the hardware as a parameter; and the roads to a board, which stay on this machine here."""

import json
import os
import stat
import subprocess
import sys

import numpy as np
import onnx
import pytest

from build_dataflow.building import build
from build_dataflow.configuration import read_options
from deploy.environment import board_python
from deploy.measure_from_here import measure_remotely
from deploy.network import Network
from deploy.shell.boards import find_board
from deploy.simulated_board.bitfile import write_bitfile
from deploy.simulated_board.build import build as build_board
from deploy.ssh import run_on_board
from finn_steps.verification.reference import Reference
from tests.deploy.builds import CACHE
from tests.deploy.hardware import HARDWARE, ROOT, build_for, run_on
from tests.qonnx_nets import Net, model_inputs, qonnx_net


@pytest.fixture(scope="module")
def small_build(tmp_path_factory):
    """A whole build of a small random QONNX model."""
    folder = tmp_path_factory.mktemp("hardware")
    onnx.save(
        qonnx_net(Net(widths=(6, 8, 5, 3), weight_bits=3, activation_bits=3, input_bits=4, zeros=0.5), seed=11),
        folder / "small.onnx",
    )
    options = read_options(str(folder / "small.onnx"), {"samples": 200, "synthesis": False})
    build(options, folder / "built")
    return folder / "built"


@pytest.mark.parametrize("hardware", HARDWARE)
def test_onnxruntime_and_hardware_agree(hardware, small_build):
    folder = build_for(hardware, small_build)
    x = model_inputs(Network.load(folder / "deploy" / "driver").features, 2000, seed=5)
    reference, answers = Reference(folder / "standard.onnx"), run_on(hardware, folder, x)
    assert np.array_equal(answers["integers"], reference.integers(x))
    assert np.array_equal(answers["outputs"], reference.outputs(x))


@pytest.fixture
def board_by_ssh(small_build, tmp_path, monkeypatch):
    """`ssh` and `scp` that stay here, and a `python3` behind them that is a simulated PYNQ-Z2; the build has its bitstream."""
    network = Network.load(small_build / "deploy" / "driver")
    compiled = build_board(small_build / "deploy", 8, CACHE)
    write_bitfile(small_build / "deploy" / "bitfile", network, find_board("pynq-z2"), 100.0)
    programs = {
        "ssh": 'for last; do :; done\nexec sh -c "$last"',
        "scp": 'args=""\nfor a; do case $a in -*|Batch*|Connect*) ;; *) args="$args ${a#*:}";; esac; done\nexec cp -r $args',
        "python3": f'exec "{board_python()}" -m deploy.simulated_board.run "$@"',
        "sudo": 'shift; exec "$@"',
    }
    for name, text in programs.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    for name, value in {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "BOARD": "Pynq-Z2",
        "QAPFLOW_SIMULATION": str(compiled),
        "PYTHONPATH": str(ROOT),
        "QAPFLOW_LOCK": str(tmp_path / "lock"),
        "PYTHONWARNINGS": "ignore",
    }.items():
        monkeypatch.setenv(name, value)
    return small_build


def test_measure_over_ssh(board_by_ssh, tmp_path):
    measure_remotely(board_by_ssh, "xilinx@127.0.0.1", 100, tmp_path, print)
    result = json.loads((tmp_path / "measure.json").read_text())
    assert result["vectors"]["differing"] == 0 and result["board"] == "Pynq-Z2"
    hardware = json.loads((board_by_ssh / "report" / "summary.json").read_text())["hardware"]
    assert result["accelerator"]["latency_cycles"] == hardware["latency_cycles"]
    assert result["accelerator"]["interval_cycles"] == hardware["ii_cycles"]
    assert (tmp_path / "measure.png").stat().st_size > 10_000


@pytest.fixture
def remote_device(small_build, monkeypatch):
    """A board that answers as PYNQ's remote device, at an address of this machine that no other test uses."""
    address = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
    network = Network.load(small_build / "deploy" / "driver")
    compiled = build_board(small_build / "deploy", 16, CACHE)
    write_bitfile(small_build / "deploy" / "bitfile", network, find_board("zcu104"), 100.0)
    environment = {
        **os.environ,
        "BOARD": "ZCU104",
        "QAPFLOW_SIMULATION": str(compiled),
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    command = [board_python(), ROOT / "tests" / "deploy" / "remote_board.py", address]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "serving\n"
        monkeypatch.delenv("BOARD", raising=False)
        yield address
        server.stdin.close()


def test_measure_by_the_remote_device(remote_device, small_build, tmp_path, monkeypatch):
    monkeypatch.setenv("QAPFLOW_LOCK", str(tmp_path / "lock"))
    measure_remotely(small_build, f"xilinx@{remote_device}", 100, tmp_path, print)
    result = json.loads((tmp_path / "measure.json").read_text())
    assert result["vectors"]["differing"] == 0 and result["board"] == "ZCU104"


def test_a_failure_over_ssh_is_one_sentence(board_by_ssh, tmp_path, monkeypatch):
    monkeypatch.setenv("BOARD", "KV260")
    with pytest.raises(RuntimeError, match="measure.py failed"):
        measure_remotely(board_by_ssh, "xilinx@127.0.0.1", 100, tmp_path, print)
    (tmp_path / "bin" / "ssh").write_text("#!/bin/sh\necho 'connect: no route to host' >&2\nexit 255\n")
    with pytest.raises(RuntimeError, match="no route to host; ssh must work with a key"):
        run_on_board("xilinx@127.0.0.1", board_by_ssh / "deploy", ["measure.py"], [], [], tmp_path)


def test_without_a_bitstream_nothing_is_tried(small_build, tmp_path):
    import shutil

    shutil.rmtree(small_build / "deploy" / "bitfile", ignore_errors=True)
    with pytest.raises(FileNotFoundError, match="no bitstream; make one with"):
        measure_remotely(small_build, "xilinx@127.0.0.1", 100, tmp_path, print)


def test_predict_without_a_bitstream_is_one_line(small_build, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    command = [sys.executable, "predict.py", tmp_path / "x.npy", tmp_path / "y.npz"]
    done = subprocess.run(command, cwd=small_build / "deploy" / "driver", capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: no bitstream") and not (tmp_path / "y.npz").exists()
