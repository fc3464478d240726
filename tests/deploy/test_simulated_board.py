"""The driver under unmodified pynq on the simulated board: answers, faults, and what is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.bitfile import find_bitstream
from deploy.network import Network, PackageError
from deploy.shell.boards import BOARDS, find_board
from deploy.simulate import simulated_board
from deploy.simulated_board.bitfile import write_bitfile
from deploy.simulated_board.build import build
from tests.deploy.builds import CACHE, hash_package, network_package

HERE = Path(__file__).parent
FAULTS = (
    "reset_in_mid_batch",
    "output_never_read",
    "input_never_sent",
    "batch_cut_short",
    "more_answers_than_room",
    "dma_error_bit",
    "two_processes",
    "odd_batches",
    "several_transfers",
    "bad_inputs_are_not_sent",
    "a_process_that_died",
    "closed_driver",
    "interrupted",
    "random_stalls",
)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("net")
    network_package(folder)
    return folder / "deploy"


@pytest.fixture(scope="module")
def faults(package, tmp_path_factory):
    results = tmp_path_factory.mktemp("faults") / "results.json"
    with simulated_board(package, find_board("pynq-z1"), 100.0, CACHE, seed=4) as run:
        shutil.copy(HERE / "faults.py", run.folder / "driver")
        done = run("faults.py", results, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(results.read_text())


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_harmless(faults, fault):
    assert faults[fault] == "harmless"


def test_every_fault_is_tested(faults):
    assert set(faults) == set(FAULTS)


@pytest.mark.parametrize("board", BOARDS)
def test_measure_on_every_board(package, tmp_path, board):
    clock = find_board(board).clock(200.0)
    with simulated_board(package, find_board(board), clock, CACHE) as run:
        done = run(
            "measure.py",
            "--largest",
            300,
            "--json",
            tmp_path / "m.json",
            "--plot",
            tmp_path / "m.png",
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "m.json").read_text())
    assert result["board"] == board and result["simulated"] and result["vectors"]["differing"] == 0
    assert result["clock_mhz"] == pytest.approx(clock, rel=0.01)
    assert [b["batch"] for b in result["batches"]] == [1, 10, 100, 300]
    accelerator, latency = result["accelerator"], result["accelerator"]["latency_cycles"]
    assert accelerator["interval_cycles"] == 1.0
    words = 2 if find_board(board).dma_bits == 64 else 1
    for b in result["batches"]:
        assert b["latency_min_cycles"] == b["latency_max_cycles"] == latency
        assert b["interval_mean_cycles"] == (None if b["batch"] == 1 else words)
    assert f"test vectors: {result['vectors']['samples']} of" in done.stdout and (tmp_path / "m.png").stat().st_size > 10_000


def test_a_wrong_answer_stops_the_measurement(package, tmp_path):
    import numpy as np

    with simulated_board(package, find_board("pynq-z1"), 100.0, CACHE) as run:
        driver = run.folder / "driver"
        with np.load(driver / "vectors.npz") as stored:
            vectors = dict(stored)
        vectors["integers"][7, 2] += 1
        np.savez_compressed(driver / "vectors.npz", **vectors)
        update_manifest(driver)
        done = run("measure.py", "--largest", 10, capture_output=True, text=True)
    assert done.returncode == 1 and "1 of 300 test vectors differ" in done.stderr


def update_manifest(driver: Path) -> None:
    from deploy.package import sha256

    manifest = json.loads((driver / "package.json").read_text())
    manifest["files"] = {name: sha256(driver / name) for name in manifest["files"]}
    (driver / "package.json").write_text(json.dumps(manifest))


def test_the_id_register_refuses_another_network(package, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    hash_package(other)
    compiled = build(other / "deploy", 8, CACHE)
    with simulated_board(package, find_board("pynq-z1"), 100.0, CACHE) as run:
        run.environment["QAPFLOW_SIMULATION"] = str(compiled)
        done = run("measure.py", "--largest", 10, capture_output=True, text=True)
    assert done.returncode == 1 and "the fabric holds network" in done.stderr


def test_a_fabric_faster_than_it_was_timed_for_is_refused(package):
    with simulated_board(package, find_board("zcu104"), 200.0, CACHE) as run:
        done = run("measure.py", "--largest", 10, capture_output=True, text=True)
    assert done.returncode == 1 and "runs at 214.284 MHz, the bitstream was timed for 200 MHz" in done.stderr


@pytest.mark.parametrize(
    "change, message",
    [
        ({"accelerator_sha256": "f" * 64}, "the package is for"),
        ({"board": "ZCU104"}, "is for ZCU104, this board is Pynq-Z2"),
        ({"files": {}}, "does not name"),
        ({"schema": 7}, "schema 7"),
    ],
)
def test_a_foreign_bitstream_is_refused_before_anything_is_loaded(package, tmp_path, monkeypatch, change, message):
    monkeypatch.setenv("BOARD", "Pynq-Z2")
    shutil.copytree(package / "driver", tmp_path / "driver")
    network = Network.load(tmp_path / "driver")
    bit = write_bitfile(tmp_path / "bitfile", network, find_board("pynq-z2"), 100.0)
    assert find_bitstream(tmp_path / "driver", None, network).path == bit
    about = tmp_path / "bitfile" / "bitstream.json"
    about.write_text(json.dumps({**json.loads(about.read_text()), **change}))
    with pytest.raises(PackageError, match=message):
        find_bitstream(tmp_path / "driver", None, network)
    program = "import sys, driver\ntry: driver.Driver()\nexcept ValueError: sys.exit('pynq' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "driver").returncode == 0


def test_no_bitstream_says_how_to_make_one(package, monkeypatch, tmp_path):
    monkeypatch.setenv("BOARD", "Pynq-Z2")
    shutil.copytree(package / "driver", tmp_path / "driver")
    network = Network.load(tmp_path / "driver")
    with pytest.raises(FileNotFoundError, match="build NAME --bitstream"):
        find_bitstream(tmp_path / "driver", None, network)
    bit = write_bitfile(tmp_path / "bitfile", network, find_board("pynq-z2"), 100.0)
    bit.write_bytes(b"damaged")
    with pytest.raises(PackageError, match="was altered"):
        find_bitstream(tmp_path / "driver", None, network)
    bit.with_suffix(".hwh").unlink()
    with pytest.raises(FileNotFoundError, match=".hwh is missing"):
        find_bitstream(tmp_path / "driver", None, network)


def test_an_unknown_board_is_refused(package, monkeypatch, tmp_path):
    monkeypatch.delenv("BOARD", raising=False)
    shutil.copytree(package / "driver", tmp_path / "driver")
    network = Network.load(tmp_path / "driver")
    write_bitfile(tmp_path / "bitfile", network, find_board("pynq-z2"), 100.0)
    with pytest.raises(PackageError, match="unknown .set BOARD"):
        find_bitstream(tmp_path / "driver", None, network)
