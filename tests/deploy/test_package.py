"""The package: what is in it, and that the driver's half reads it exactly as finn_steps does."""

import ast
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from deploy.network import Network, PackageError, load_vectors
from deploy.package import BOARD_FILES, SOURCE, package
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.host import HostOp
from finn_steps.folding.streams import save_accelerator
from tests.deploy.builds import network_package
from tests.nets import random_accelerator


def make_build(folder, **options):
    """A build folder with accelerator.json, an rtl/ stand-in and a package; the accelerator and its vectors."""
    accelerator = random_accelerator((16, 12, 5), seed=3, **options)
    save_accelerator(accelerator, folder)
    (folder / "rtl").mkdir(exist_ok=True)
    (folder / "rtl" / "filelist.f").write_text("finn_accel.sv\n")
    (folder / "rtl" / "finn_accel.sv").write_text("module finn_accel; endmodule\n")
    x = np.random.default_rng(0).normal(0, 2, (300, accelerator.features)).astype(np.float32)
    integers = accelerator.execute(accelerator.quantise(x))
    package(folder, folder, folder / "rtl", x, integers, accelerator.dequantise(integers))
    return accelerator, x, integers


def test_contents(tmp_path):
    accelerator, x, integers = make_build(tmp_path)
    for name in BOARD_FILES:
        assert (tmp_path / "driver" / name).read_bytes() == (SOURCE / name).read_bytes()
        assert (tmp_path / "deploy" / "driver" / name).read_bytes() == (SOURCE / name).read_bytes()
    assert (tmp_path / "deploy" / "rtl" / "filelist.f").is_file()
    vectors = load_vectors(tmp_path / "driver")
    assert np.array_equal(vectors["x"], x) and np.array_equal(vectors["integers"], integers)
    assert np.array_equal(vectors["outputs"], accelerator.dequantise(integers))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".package")]


def test_the_driver_folder_needs_numpy_alone(tmp_path):
    make_build(tmp_path)
    program = (
        "import sys; import driver; x = driver.load_vectors('.')['x']; n = driver.Network.load('.'); n.encode(x);"
        "bad = {m.split('.')[0] for m in sys.modules} & {'pynq', 'finn_steps', 'deploy', 'qonnx', 'torch'}; assert not bad, bad"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "driver", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", [name for name in BOARD_FILES if name.endswith(".py")])
def test_board_files_are_of_an_old_python(name):
    ast.parse((SOURCE / name).read_text(), feature_version=(3, 8))


def test_host_work_equals_finn_steps(tmp_path):
    accelerator, x, integers = make_build(tmp_path)
    network = Network.load(tmp_path / "driver")
    q = accelerator.quantise(x)
    assert np.array_equal(network.quantise(x), q)
    assert np.array_equal(network.input_stream.unpack(network.encode(x)), q)
    assert np.array_equal(network.dequantise(integers), accelerator.dequantise(integers))
    assert network.id == int(accelerator.sha256[:16], 16)


def test_every_host_operation_and_dropped_features(tmp_path):
    base = random_accelerator((4, 6, 3), seed=1)
    head = (
        HostOp("sub", np.float32([1, 2, 3, 4, 5, 6])),
        HostOp("div", np.float32([0.3, 0.7, 1, 3, 7, 11])),
        HostOp("mul", np.float32(13.7)),
        HostOp("add", np.float32(0.5)),
        HostOp("relu"),
        HostOp("floor"),
        HostOp("round"),
        HostOp("clip", [-128, 127]),
    )
    tail = (HostOp("mul", np.float32([0.1, 0.2, 0.3])), HostOp("add", np.float32(0.3)), HostOp("sigmoid"), HostOp("softmax"))
    accelerator = Accelerator("ops", base.layers, 6, np.array([5, 0, 2, 3]), head, tail)
    save_accelerator(accelerator, tmp_path)
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl" / "filelist.f").write_text("")
    x = np.random.default_rng(0).normal(0, 9, (500, 6)).astype(np.float32)
    integers = accelerator.execute(accelerator.quantise(x))
    package(tmp_path, tmp_path, tmp_path / "rtl", x, integers, accelerator.dequantise(integers))
    network = Network.load(tmp_path / "driver")
    assert np.array_equal(network.input_stream.unpack(network.encode(x)), accelerator.quantise(x))
    assert np.array_equal(network.dequantise(integers), accelerator.dequantise(integers))


@pytest.mark.parametrize("name", ["accelerator.json", "accelerator.npz", "vectors.npz", "package.json", "driver.py"])
def test_missing_files_are_named(tmp_path, name):
    make_build(tmp_path)
    (tmp_path / "driver" / name).unlink()
    with pytest.raises(PackageError, match=f"{name} is missing"):
        Network.load(tmp_path / "driver")


@pytest.mark.parametrize("name", ["accelerator.json", "accelerator.npz", "vectors.npz"])
def test_altered_files_are_refused(tmp_path, name):
    make_build(tmp_path)
    path = tmp_path / "driver" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(PackageError, match=f"{name} was altered"):
        Network.load(tmp_path / "driver")


def test_another_schema_or_format_is_refused(tmp_path):
    make_build(tmp_path)
    path = tmp_path / "driver" / "package.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 99}))
    with pytest.raises(PackageError, match="schema 99"):
        Network.load(tmp_path / "driver")


@pytest.mark.parametrize(
    "x, message",
    [
        (np.zeros((3, 15)), r"\(3, 15\) are not \[N, 16\]"),
        (np.zeros(16), r"\(16,\) are not"),
        (np.array([["a"] * 16]), "are not numbers"),
        (np.where(np.arange(64).reshape(4, 16) == 37, np.nan, 0), "sample 2, feature 5 is NaN"),
    ],
)
def test_bad_inputs(tmp_path, x, message):
    make_build(tmp_path)
    with pytest.raises(ValueError, match=message):
        Network.load(tmp_path / "driver").encode(x)


def test_infinities_saturate(tmp_path):
    accelerator, *_ = make_build(tmp_path)
    x = np.full((2, 16), np.inf, np.float32)
    x[1] = -np.inf
    network = Network.load(tmp_path / "driver")
    assert np.array_equal(network.input_stream.unpack(network.encode(x)), accelerator.quantise(x))


def test_packaging_again_replaces_and_keeps_a_bitstream_of_the_same_network_only(tmp_path):
    accelerator, *_ = make_build(tmp_path)
    (tmp_path / "bitfile").mkdir()
    (tmp_path / "bitfile" / "bitstream.json").write_text(json.dumps({"accelerator_sha256": accelerator.sha256}))
    make_build(tmp_path)
    assert (tmp_path / "deploy" / "bitfile" / "bitstream.json").is_file()
    make_build(tmp_path, zeros=0.5)
    assert not (tmp_path / "deploy" / "bitfile").exists()


def test_a_package_needs_the_rtl(tmp_path):
    make_build(tmp_path)
    shutil.rmtree(tmp_path / "rtl")
    with pytest.raises(FileNotFoundError, match="filelist.f is missing"):
        package(tmp_path, tmp_path, tmp_path / "rtl", np.zeros((1, 16)), np.zeros((1, 5)), np.zeros((1, 5)))
    assert (tmp_path / "deploy" / "driver" / "driver.py").is_file()


def test_the_driver_refuses_what_an_input_cannot_be(tmp_path):
    accelerator, x, integers = network_package(tmp_path, ranges=True)
    network, first = Network.load(tmp_path / "driver"), accelerator.layers[0]
    assert len(network.encode(x)) == len(x)
    for element in np.flatnonzero(first.input_high < network.input_stream.high):
        wrong = x.copy()
        wrong[7, element] = first.input_high[element] + 1
        with pytest.raises(ValueError, match=f"input {element} takes .*, not {first.input_high[element] + 1}"):
            network.encode(wrong)
