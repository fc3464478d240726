"""run-docker.sh on a real Docker engine, by an ordinary user: the image made by the classic builder and by BuildKit, and run without network.

tests/test_docker_image.py does much of this by buildah, where there is no engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.docker_engine import BASE, CLIENT, engine, import_base, missing

ROOT = Path(__file__).resolve().parents[1]
UID = 4321
pytestmark = [pytest.mark.slow, pytest.mark.skipif(missing() != "", reason=missing())]


@pytest.fixture(scope="module")
def docker():
    """run(*arguments, builder): run-docker.sh of a clone that belongs to an ordinary user, started by that user. Not below pytest's own
    folder, which is closed to others."""
    there = Path(tempfile.mkdtemp(prefix="qapflow-engine-"))
    there.chmod(0o755)
    clone = there / "a clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run(["chown", "-R", f"{UID}:{UID}", clone], check=True)
    with engine(there) as environment:
        import_base(there / "base", environment)

        def run(*arguments: str, builder: str = "classic") -> subprocess.CompletedProcess:
            wishes = {"QAPFLOW_DOCKER_BASE": BASE, "QAPFLOW_DOCKER_BUILD_EXTRA": f"--network host --label builder={builder}",
                      "QAPFLOW_DOCKER_EXTRA": "--network none", "DOCKER_BUILDKIT": str(int(builder == "buildkit")), "HOME": "/nonexistent"}
            user = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
            return subprocess.run([*user, clone / "run-docker.sh", *arguments], cwd=clone, env={**os.environ, **environment, **wishes},
                                  text=True, capture_output=True, stdin=subprocess.DEVNULL)

        def client(*arguments: str) -> str:
            done = subprocess.run([CLIENT, *arguments], env={**os.environ, **environment}, text=True, capture_output=True, check=True)
            return done.stdout

        run.clone, run.client = clone, client
        yield run
    shutil.rmtree(there, ignore_errors=True)


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_shell_as_an_ordinary_user(docker, builder):
    """The first start makes the image, by this builder; the container has the user's id, no network, and can write /cache and the clone."""
    asked = "id -u; pwd; echo $HOME; touch /cache/kept here; touch /usr/no 2>/dev/null || echo read-only; ls /sys/class/net"
    shell = docker("shell", "-c", asked, builder=builder)
    assert shell.returncode == 0, shell.stderr[-2000:]
    assert shell.stdout.splitlines() == [str(UID), str(docker.clone), "/cache", "read-only", "lo"]
    assert (docker.clone / "here").stat().st_uid == UID
    made = docker.client("image", "ls", "--quiet", "--filter", f"label=builder={builder}").split()
    assert len(made) == 1 and ("Step 1/" in shell.stderr) == (builder == "classic")
    again = docker("shell", "-c", "ls /cache", builder=builder)
    assert (again.stdout, again.stderr) == ("kept\n", "")


def test_the_tests_run_in_the_container(docker):
    """The environment is found made; nothing is installed; what needs no network passes."""
    tests = docker("test", "tests/test_run_local.py", "tests/test_run_docker.py")
    assert tests.returncode == 0 and " passed" in tests.stdout, tests.stdout[-3000:]
    assert not (docker.clone / ".venv").exists()


def test_a_network_is_built_in_the_container(docker):
    build = docker("build", "jet_qap", "--no-synthesis", "--json")
    assert build.returncode == 0, build.stderr[-2000:]
    told = json.loads(build.stdout)
    summary = docker.clone / "build" / "jet_qap" / "report" / "summary.json"
    assert summary.stat().st_uid == UID and json.loads(summary.read_text()) == told
    assert told["verification"]["mismatches"] == 0 and told["verification"]["samples"] == 15000
    reported = docker("report", "jet_qap")
    assert reported.returncode == 0 and "equal to onnxruntime" in " ".join(reported.stdout.split())


def test_failures_are_handed_on(docker):
    build = docker("build", "no_such_network")
    assert build.returncode == 1 and build.stderr.splitlines()[-1].startswith("error: ")
