"""Builds that are killed, interrupted or run out of space: nothing goes on running, the next build succeeds, and what it makes is what an
undisturbed build makes. Fifty moments take minutes; one of each kind is tried in every test run."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest

from build_dataflow.configuration import ROOT
from finn_steps.tools import cache
from tests.build_dataflow.conftest import SMALL
from tests.qonnx_nets import qonnx_net

MARK = "QAPFLOW_TEST_MARK"
SAME = ("rtl", "deploy", "driver", "accelerator.json", "accelerator.npz", "folding_config.json", "standard.onnx", "original.onnx", "import")
"""What every build of one model makes byte for byte."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("survival") / "small.onnx"
    onnx.save(qonnx_net(SMALL, seed=11), path)
    return path


class Builds:
    """Builds of one model into one folder, with a cache of their own, in processes that can be told by a mark."""

    def __init__(self, model: Path, folder: Path, *options: str, output: Path | None = None, cache: Path | None = None):
        self.output, self.cache, self.mark = output or folder / "out", cache or folder / "cache", str(folder)
        self.command = [sys.executable, "-m", "build_dataflow", "build", str(model), "--output", str(self.output), "--samples", "200", *options]
        self.environment = {**os.environ, "QAPFLOW_CACHE": str(self.cache), MARK: self.mark, "TMPDIR": str(folder)}

    def start(self, *more: str, limit: int | None = None) -> subprocess.Popen:
        def as_in_a_terminal():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs ignore it, and so do their children
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        return subprocess.Popen([*self.command, *more], cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True, start_new_session=True, preexec_fn=as_in_a_terminal)

    def finish(self, *more: str, **options) -> tuple[int, str]:
        process = self.start(*more, **options)
        _, err = process.communicate(timeout=600)
        return process.returncode, err

    def alive(self) -> list[str]:
        """Commands of the processes with the mark."""
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                ended = (place / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
                if f"{MARK}={self.mark}\0".encode() in (place / "environ").read_bytes() + b"\0" and not ended:
                    found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:100])
            except OSError:
                pass
        return found

    def made(self) -> dict[str, str]:
        """sha256 of what every build makes alike."""
        paths = [path for name in SAME for path in (self.output / name, *sorted((self.output / name).rglob("*"))) if path.is_file()]
        return {str(path.relative_to(self.output)): digest(path) for path in paths if path.name != "package.json"}


def digest(path: Path) -> str:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as stored:
            return hashlib.sha256(b"".join(name.encode() + stored[name].tobytes() for name in stored.files)).hexdigest()
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_whole(builds: Builds, undisturbed: dict[str, str], *more: str) -> None:
    """The next build succeeds, makes what it should, and every entry of the cache is as it was made."""
    status, err = builds.finish(*more)
    assert status == 0, err
    assert builds.made() == undisturbed
    assert json.loads((builds.output / "report" / "summary.json").read_text())["verification"]["mismatches"] == 0
    entries = [path.parent for path in builds.cache.glob(f"*/*/{cache.MANIFEST}")]
    assert entries and all(map(cache._sound, entries))


def require_quiet(builds: Builds) -> None:
    """Within seconds, nothing that the build started runs any more."""
    end = time.monotonic() + 20
    while running := builds.alive():
        assert time.monotonic() < end, running
        time.sleep(0.1)


def disturb(builds: Builds, ending: signal.Signals, seconds: float) -> int:
    process = builds.start()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(ending)
    process.communicate(timeout=60)
    require_quiet(builds)
    return process.returncode


@pytest.fixture(scope="module")
def undisturbed(model, tmp_path_factory):
    """(what a build makes, how long it takes without a cache, the cache that it fills), with everything in it."""
    builds, started = Builds(model, tmp_path_factory.mktemp("undisturbed")), time.monotonic()
    assert builds.finish()[0] == 0
    return builds.made(), time.monotonic() - started, builds.cache


def half_filled(cache_folder: Path, filled: Path, rng: np.random.Generator) -> None:
    """With each of the filled cache's entries, or without it."""
    for manifest in sorted(filled.glob(f"*/*/{cache.MANIFEST}")):
        if rng.random() < 0.5:
            shutil.copytree(manifest.parent, cache_folder / manifest.parent.relative_to(filled))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_killed_at_any_moment(model, undisturbed, tmp_path, seed):
    """SIGKILL, three times in five; SIGTERM; Ctrl-C. Every third build begins from an empty cache, the others from one with half of its entries.
    Every second one was killed once before. What is built next goes on from there, or begins anew."""
    rng = np.random.default_rng(seed)
    builds, ending = Builds(model, tmp_path), (signal.SIGKILL, signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)[seed % 5]
    most = undisturbed[1] * (1.0 if seed % 3 == 0 else 0.6)
    if seed % 3:
        half_filled(builds.cache, undisturbed[2], rng)
    for _ in range(1 + seed % 2):
        while (status := disturb(builds, ending, rng.uniform(0.0, most))) == 0:
            most /= 2  # it had ended before
        assert status in (-signal.SIGKILL, 128 + signal.SIGTERM, 130, -signal.SIGTERM, -signal.SIGINT)
    resumed = ("--resume",) if rng.random() < 0.5 and (tmp_path / ".out.partial").is_dir() else ()
    require_whole(builds, undisturbed[0], *resumed)


@pytest.mark.parametrize("ending", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_compiler_ends_with_the_build(model, tmp_path, ending):
    """The simulation is being compiled: g++ and its children are there, and a moment later they are not."""
    builds = Builds(model, tmp_path, "--no-synthesis", "--no-proof")
    process = builds.start()
    end = time.monotonic() + 120
    while not any("cc1plus" in command for command in builds.alive()):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.02)
    process.send_signal(ending)
    _, err = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}[ending] and "Traceback" not in err
    require_quiet(builds)
    assert not list(builds.cache.rglob(f"{cache.WORKPLACE}*")) and not builds.output.exists()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [2_000, 200_000])
def test_no_room_for_what_a_build_makes(model, tmp_path, limit):
    """A limit on the size of files, which meets the output folder, the cache and the programs that a build starts; and none."""
    builds = Builds(model, tmp_path, "--no-synthesis", "--no-proof")
    status, err = builds.finish(limit=limit)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 1 and len(errors) == 1 and "Traceback" not in err and "not expected" not in err, err
    assert not builds.output.exists()
    if limit > 10_000:
        status, err = builds.finish()
        assert status == 0, err


@pytest.mark.slow
@pytest.mark.parametrize("part, options, what", [
    ("output", "size=16k", "No space left"), ("output", "size=256k", "No space left"), ("output", "ro", "cannot be written"),
    ("cache", "size=16k", "No space left"), ("cache", "size=2m", "No space left"), ("cache", "size=12m", "No space left"),
    ("cache", "ro", "Read-only file system"),
])
def test_a_full_disk_or_one_that_cannot_be_written_and_then_another(model, tmp_path, undisturbed, part, options, what):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a tmpfs")
    try:
        status, err = Builds(model, tmp_path, **{part: disk / part}).finish()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert status == 1 and len(errors) == 1 and what in errors[0] and "Traceback" not in err, err
    require_whole(Builds(model, tmp_path), undisturbed[0])


@pytest.mark.slow
def test_two_builds_of_one_name_at_once(model, undisturbed, tmp_path):
    builds = Builds(model, tmp_path)
    both = [builds.start(), builds.start()]
    told = [process.communicate(timeout=600)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 1], told
    assert any("another build is writing here" in err for err in told)
    require_whole(builds, undisturbed[0])


@pytest.mark.slow
def test_two_builds_of_one_cache_at_once(model, undisturbed, tmp_path):
    """In two folders: both succeed, whatever one puts into the cache under the other's hands."""
    one, other = Builds(model, tmp_path), Builds(model, tmp_path, output=tmp_path / "other")
    for process in [one.start(), other.start()]:
        assert process.communicate(timeout=600) and process.returncode == 0
    assert one.made() == other.made() == undisturbed[0]
