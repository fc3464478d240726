"""`pip install .`: what the wheel holds, what it asks for, and that it works in an environment of its own."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from build_dataflow import errors
from build_dataflow.beside_us import check_names
from finn_steps.tools.cache import cache_folder, cached, content_key

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("build_dataflow", "finn_steps", "models", "deploy")
LOCK = ROOT / "requirements" / "package.txt"


def pip(*arguments) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, by the backend that pyproject.toml names; that is fetched once."""
    try:
        backend = cached(cache_folder("package"), content_key(LOCK.read_bytes(), sys.version),
                         lambda folder: pip("--target", folder / "packages", "-r", LOCK)) / "packages"
    except subprocess.CalledProcessError as error:
        pytest.skip(f"the wheel's backend cannot be had here: {(error.stderr.strip().splitlines() or ['no message'])[-1]}")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(backend)}, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z", *PACKAGES, "requirements"], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(listed.stdout.split("\0")[:-1]) - {"build_dataflow/qapflow.pth"}


def test_the_wheel_has_every_file_and_meets_nobody_elses(wheel):
    """Every tracked file of the packages, with its bytes; at the top of site-packages our name alone."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {name.split("/")[0] for name in names} == {"qapflow", "qapflow.pth", f"qapflow-{metadata_of(archive)['Version']}.dist-info"}
        assert archive.read("qapflow.pth") == b"qapflow\n"
        missing = {name for name in tracked() if f"qapflow/{name}" not in names}
        assert missing == {name for name in missing if not (ROOT / name).exists()}
        assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".log"))]
        for name in ("models/data/qapjets.npz", "models/jet_qap/model.onnx", "deploy/kit/stream_bench.sv", "finn_steps/rtl/heap_planner.cpp",
                     "build_dataflow/jet_qap/build.yaml", "build_dataflow/py.typed", "requirements/board.txt"):
            assert archive.read(f"qapflow/{name}") == (ROOT / name).read_bytes()


def metadata_of(archive: zipfile.ZipFile):
    name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    return metadata.PathDistribution(zipfile.Path(archive, name.removesuffix("METADATA"))).metadata


def test_the_wheel_says_what_it_is(wheel):
    with zipfile.ZipFile(wheel) as archive:
        told = metadata_of(archive)
        points = archive.read(next(name for name in archive.namelist() if name.endswith("entry_points.txt"))).decode()
    assert told["Name"] == "qapflow" and told["License-Expression"] == "BSD-3-Clause" and told["Requires-Python"] == "<3.13,>=3.11"
    assert "qapflow = build_dataflow.console:main" in points
    assert set(told.get_all("Provides-Extra")) == set(PROJECT["project"]["optional-dependencies"])


def declared() -> dict[str, list[Requirement]]:
    extras = PROJECT["project"]["optional-dependencies"]
    return {extra: [Requirement(line) for line in lines] for extra, lines in {"": PROJECT["project"]["dependencies"], **extras}.items()}


def locked() -> dict[str, str]:
    text = "".join(path.read_text() for path in (ROOT / "requirements").glob("*.txt") if path.stem not in ("benchmarks", "board"))
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", text, re.M)}


def test_what_it_asks_for_is_what_the_locks_hold():
    for requirement in (requirement for listed in declared().values() for requirement in listed):
        version = locked()[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: the lock has {version}"
    assert all(f"{name}=={locked()[name]}" in errors.FINN for name in ("finn-plus", "onnx-passes", "mip"))


def imported(package: str) -> set[str]:
    """Names of other people's top-level modules that the package imports anywhere."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found |= {name.split(".")[0] for name in names}
    beside = {path.stem for path in (ROOT / package).glob("*.py")}
    return found - set(sys.stdlib_module_names) - set(PACKAGES) - beside


ON_THE_BOARD = {"pynq", "pynqmetadata"}
"""requirements/board.txt, an environment of its own."""
OTHERWISE_NAMED = {"google": "protobuf", "yaml": "pyyaml", "sklearn": "scikit-learn", "hgq": "hgq2", "dask_jobqueue": "dask-jobqueue",
                   "PIL": "pillow", "vl_convert": "vl-convert-python"}


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_imported_is_asked_for(package):
    asked = {canonicalize_name(requirement.name) for listed in declared().values() for requirement in listed}
    unknown = {name for name in imported(package) - ON_THE_BOARD if OTHERWISE_NAMED.get(name, name) not in asked}
    assert unknown <= {"finn"}


def test_a_foreign_package_of_the_same_name_is_told(tmp_path):
    foreign = tmp_path / "models.py"
    foreign.write_text("")
    run = subprocess.run([sys.executable, "-c", "import build_dataflow"], cwd=tmp_path, capture_output=True, text=True,
                         env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert f"qapflow's package 'models' is hidden by {foreign}: rename that" in run.stderr
    check_names()


def test_what_is_not_installed_is_told_with_the_way_out():
    finn, torch = (errors.describe(ModuleNotFoundError(f"No module named '{name}'", name=name)) for name in ("finn.builder", "torch"))
    assert finn == f"finn is not installed here: {errors.FINN} (docs/install.md)"
    assert torch == "torch is not installed here: pip install 'qapflow[train]' (docs/install.md)"
    page = (ROOT / "docs" / "install.md").read_text()
    assert errors.FINN in page and all(f"`{extra}`" in page for extra in PROJECT["project"]["optional-dependencies"])


@pytest.mark.slow
def test_pip_install_in_a_fresh_environment(tmp_path):
    """docs/install.md, as it stands: a fresh environment, pip's own resolver, a clone of what is committed; then a build with nothing else."""
    clone, venv = tmp_path / "a clone", tmp_path / "venv"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    hidden = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "QAPFLOW_VENV", "QAPFLOW_CACHE")
    environment = {**{name: value for name, value in os.environ.items() if name not in hidden}, "HOME": str(tmp_path),
                   "PATH": f"{venv}/bin:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)

    def run(*command, **options):
        return subprocess.run([str(word) for word in command], cwd=tmp_path, env=environment, text=True, capture_output=True, **options)

    done = run("pip", "install", clone)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    version = run("qapflow", "--version")
    assert re.fullmatch(r"qapflow, version \d+\.\d+\.\d+\n", version.stdout), version.stderr
    without = run("qapflow", "build", "jet_qap", "--no-synthesis")
    assert without.returncode == 1 and without.stderr.splitlines()[-1] == f"error: finn is not installed here: {errors.FINN} (docs/install.md)"
    done = run(*errors.FINN.split())
    assert done.returncode == 0, done.stderr
    built = run("qapflow", "build", "jet_qap", "--no-synthesis", "--json")
    assert built.returncode == 0, built.stderr[-2000:]
    summary = json.loads(built.stdout)
    assert summary["verification"]["mismatches"] == 0 and summary["verification"]["samples"] == 15000
    assert (tmp_path / "build" / "jet_qap" / "deploy" / "core" / "tb" / "files.f").is_file()
    code = "from build_dataflow import load; print(load('build/jet_qap').accelerator.features)"
    assert run("python", "-c", code).stdout == "16\n"
    assert "  qapflow build jet_qap" in run("qapflow", "build", "--help").stdout
    assert "the tests are in the checkout" in run("qapflow", "test").stderr
    assert "torch is not installed here: pip install 'qapflow[train]'" in run("qapflow", "train", "jet_qap").stderr
