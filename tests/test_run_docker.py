"""run-docker.sh: what it asks of Docker, against tests/standins/docker, which records its arguments; the Dockerfile, linted.

The image itself is built and run in tests/test_docker_image.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = "bash cat cut dirname id mkdir readlink realpath sha256sum tail".split()
USER = f"{os.getuid()}:{os.getgid()}"


class Checkout:
    """run-docker.sh and what its image is made of in a folder with a space and a comma, and a PATH with the stand-in."""

    def __init__(self, folder: Path):
        self.root = folder / "a check, out"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.root.mkdir()
        self.bin.mkdir()
        for name in ("run-local.sh", "run-docker.sh"):
            shutil.copy(ROOT / name, self.root)
        for name in ("requirements", "docker"):
            shutil.copytree(ROOT / name, self.root / name)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        (self.bin / "docker").symlink_to(ROOT / "tests" / "standins" / "docker")

    def run(self, *arguments: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
        known = {"PATH": str(self.bin), "CALLS": str(self.calls_file), **environment}
        self.calls_file.unlink(missing_ok=True)
        return subprocess.run(
            [self.root / "run-docker.sh", *arguments], cwd=cwd or self.root, env=known, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )

    def calls(self) -> list[list[str]]:
        """Docker's arguments, call by call. No argument that the tests give is empty."""
        text = self.calls_file.read_text() if self.calls_file.exists() else ""
        return [call.split("\0") for call in text.split("\0\0")[:-1]]

    def docker_run(self) -> list[str]:
        return next(call for call in self.calls() if call[0] == "run")


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path)


def bind(path) -> str:
    return f'type=bind,"source={path}","target={path}"'


def mounts(call: list[str]) -> list[str]:
    return [value for option, value in zip(call, call[1:]) if option == "--mount"]


@pytest.mark.parametrize("arguments", [["build", "jet_qap", "--output", "a b"], ["train", "jet_qap"], ["test", "-k", "x or y"], []])
def test_hands_its_arguments_to_run_local_in_the_container(checkout, arguments):
    run = checkout.run(*arguments)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    inspect, call = checkout.calls()
    image = inspect[-1]
    assert inspect == ["image", "inspect", image] and image.startswith("qapflow:")
    assert call == [
        *["run", "--rm", "--init", "--user", USER, "--env", f"USER={os.popen('id -un').read().strip()}"],
        *["--volume", f"qapflow-cache-{os.getuid()}:/cache", "--mount", bind(checkout.root), "--workdir", str(checkout.root)],
        *[image, f"{checkout.root}/run-local.sh", *arguments],
    ]


def test_a_user_without_a_name_has_a_number(checkout):
    """As `id` answers then: the number, a complaint, and a status of 1."""
    (checkout.bin / "id").unlink()
    (checkout.bin / "id").write_text('#!/bin/bash\necho 4321; [ "$1" != -un ] || { echo "cannot find name" >&2; exit 1; }\n')
    (checkout.bin / "id").chmod(0o755)
    run = checkout.run("build")
    assert (run.returncode, run.stderr) == (0, "")
    call = checkout.docker_run()
    assert call[call.index("--env") + 1] == "USER=4321" and call[call.index("--user") + 1] == "4321:4321"


def test_shell_is_a_shell(checkout):
    assert checkout.run("shell").returncode == 0
    assert checkout.docker_run()[-2:][1:] == ["bash"] and "--interactive" in checkout.docker_run()
    checkout.run("shell", "-c", "id -u")
    assert checkout.docker_run()[-3:] == ["bash", "-c", "id -u"]


def test_hands_on_the_status(checkout):
    assert checkout.run("test", STATUS="3").returncode == 3


def test_builds_the_image_when_there_is_none(checkout):
    wishes = {
        "QAPFLOW_DOCKER_BASE": "debian:12",
        "QAPFLOW_DOCKER_PACKAGES": "libtinfo5 libncurses5",
        "QAPFLOW_TORCH_INDEX": "https://x.example/cu",
        "QAPFLOW_DOCKER_BUILD_EXTRA": "--network host",
    }
    run = checkout.run("build", NO_IMAGE="1", **wishes)
    assert run.returncode == 0 and run.stdout == "", "the build's own output does not go to standard output"
    inspect, version, build, started = checkout.calls()
    assert build == [
        *["build", "--tag", inspect[-1], "--file", f"{checkout.root}/docker/Dockerfile", "--network", "host"],
        *["--build-arg", "BASE=debian:12", "--build-arg", "EXTRA_PACKAGES=libtinfo5 libncurses5"],
        *["--build-arg", "QAPFLOW_TORCH_INDEX=https://x.example/cu", str(checkout.root)],
    ]
    assert started[0] == "run" and inspect[-1] in started


@pytest.mark.parametrize("path", ["docker/Dockerfile", "run-local.sh", "requirements/base.txt", "requirements/torch.txt"])
def test_another_environment_is_another_image(checkout, path):
    checkout.run("test")
    before = checkout.calls()[0][-1]
    with open(checkout.root / path, "a") as file:
        file.write("# changed\n")
    checkout.run("test")
    assert checkout.calls()[0][-1] != before


def test_failures_are_one_line(checkout):
    run = checkout.run("test", NO_IMAGE="1", NO_ENGINE="1")
    assert (run.returncode, run.stderr) == (1, "error: the Docker engine does not answer: Cannot connect to the Docker daemon\n")
    run = checkout.run("test", NO_IMAGE="1", BUILD_FAILS="1")
    assert run.returncode == 1 and run.stderr.splitlines()[-1] == "error: docker could not build the image"
    (checkout.bin / "docker").unlink()
    run = checkout.run("test")
    assert run.returncode == 1 and run.stderr.startswith("error: docker was not found; install") and run.stderr.count("\n") == 1


def test_the_present_folder_and_named_paths_are_there_under_their_own_names(checkout, tmp_path):
    work, models = tmp_path / "my work", tmp_path / "models"
    for folder in (work, models):
        folder.mkdir()
    (models / "x.onnx").touch()
    checkout.run("build", "../models/x.onnx", "--output", "out", cwd=work)
    call = checkout.docker_run()
    assert mounts(call) == [bind(checkout.root), bind(work), bind(models / "x.onnx")]
    assert call[call.index("--workdir") + 1] == str(work)

    inside = checkout.root / "docker"
    checkout.run("build", "Dockerfile", cwd=inside)
    call = checkout.docker_run()
    assert mounts(call) == [bind(checkout.root)] and call[call.index("--workdir") + 1] == str(inside)


@pytest.mark.parametrize("folder", ["/", "/usr", "/etc"])
def test_the_containers_own_folders_are_never_covered(checkout, folder):
    checkout.run("test", folder, cwd=Path(folder))
    assert mounts(checkout.docker_run()) == [bind(checkout.root)]


@pytest.mark.parametrize("layout", ["Vivado/2024.2", "2024.2/Vivado"])
def test_the_xilinx_folder_is_mounted_read_only(checkout, tmp_path, layout):
    xilinx = tmp_path / "Xilinx"
    (xilinx / layout).mkdir(parents=True)
    run = checkout.run("build", FINN_XILINX_PATH=str(xilinx), FINN_XILINX_VERSION="2024.2", XILINXD_LICENSE_FILE="2100@server")
    assert run.returncode == 0, run.stderr
    call = checkout.docker_run()
    assert mounts(call) == [bind(checkout.root), bind(xilinx) + ",readonly"]
    given = {value for option, value in zip(call, call[1:]) if option == "--env" and not value.startswith("USER=")}
    assert given == {
        *(f"{name}={xilinx}/{layout}" for name in ("XILINX_VIVADO", "VIVADO_PATH")),
        *(f"FINN_XILINX_PATH={xilinx}", "FINN_XILINX_VERSION=2024.2", "XILINXD_LICENSE_FILE"),
    }


def test_a_wrong_xilinx_folder_is_named(checkout, tmp_path):
    for environment, text in (
        ({"FINN_XILINX_PATH": "/no/such"}, "FINN_XILINX_PATH: no such folder: /no/such"),
        ({"FINN_XILINX_PATH": str(tmp_path)}, "FINN_XILINX_VERSION is not: name the version"),
        ({"FINN_XILINX_PATH": str(tmp_path), "FINN_XILINX_VERSION": "2024.2"}, f"no Vivado 2024.2 at {tmp_path}/Vivado/2024.2 nor at"),
    ):
        run = checkout.run("build", **environment)
        assert run.returncode == 1 and run.stderr.startswith("error: ") and text in run.stderr and run.stderr.count("\n") == 1
        assert checkout.calls() == []


def test_more_options_for_docker_run(checkout):
    checkout.run("test", QAPFLOW_DOCKER_EXTRA="--cpus 2 --env A=b")
    call = checkout.docker_run()
    at = call.index("--cpus")
    assert call[at : at + 4] == ["--cpus", "2", "--env", "A=b"] and call[at + 4].startswith("qapflow:")


def test_dockerfile_is_clean():
    hadolint = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([hadolint, ROOT / "docker" / "Dockerfile"], capture_output=True, text=True)
    assert run.returncode == 0 and run.stdout == "", run.stdout + run.stderr


def test_dockerfile_has_no_list_of_python_packages():
    text = (ROOT / "docker" / "Dockerfile").read_text()
    assert "run-local.sh" in text and "pip install" not in text
