"""Every command that the documentation shows: it is run as written, another test runs it, or what stands in the way is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from build_dataflow.configuration import ROOT

PAGES = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md", "findings/README.md", "models/data/qapjets.md",
         *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")))
PROGRAM = (r"(?:\./run-(?:local|docker)\.sh|docs/journeys/\w+\.sh|(?:\.venv/bin/)?(?:python3?|pip|qapflow|dask)|iverilog|vivado|tar|curl|apt-get"
           r"|ssh-copy-id|eval|cd|\.ci/run|findings/\w+\.sh|verilator|ghdl|yosys|jupyter)")
CONTINUED = re.compile(r"\\\n\s*")


def pages() -> dict[str, str]:
    return {name: CONTINUED.sub(" ", (ROOT / name).read_text()) for name in PAGES}


def commands(text: str) -> list[str]:
    """Lines of code blocks, and code within lines, that begin with a program and have an argument; without comments behind them."""
    fenced = "".join(re.findall(r"```(?:sh|bash|)\n(.*?)```", text, re.S))
    blocks = re.findall(rf"^ {{4,}}({PROGRAM} .*)$", text, re.M) + re.findall(rf"^({PROGRAM} .*)$", fenced, re.M)
    within = re.findall(rf"`({PROGRAM}\s[^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S))
    return [re.sub(r"\s+(#.*)?$", "", " ".join(found.split("  #")[0].split())) for found in (*blocks, *within)]


@dataclass(frozen=True)
class Run:
    """Run as it stands, in a folder that has what a reader has (tests/test_documented_commands.py); `says` is in what it prints."""

    says: str
    slow: bool = True


@dataclass(frozen=True)
class Held:
    """Run by another test, with these arguments or with fewer samples; `by` is its file, and its name."""

    by: str


@dataclass(frozen=True)
class Cannot:
    """What stands in the way here."""

    reason: str


CI = Held(".ci/run")
BUILD = "./run-local.sh build "
MODULES = "python -m tests."
INSTALLED = Held("tests/test_package.py::test_pip_install_in_a_fresh_environment")
CONTAINER = Held("tests/test_docker_engine.py::test_a_network_is_built_in_the_container")
TAGGER = Held("tests/end2end/test_first_tagger.py::test_first_tagger")
UNPACKED = Held("tests/deploy/kit/test_bench.py::test_unpacked_alone_in_an_empty_folder")
GENERATED = Held("tests/models/data/test_generate.py::test_the_command_makes_a_set_that_loads")
HGQ2 = Held("tests/finn_steps/hgq2/test_keras.py")
KNOWN: dict[str, Run | Held | Cannot] = {
    "./run-local.sh build jet_qap": CI,
    "./run-local.sh test": CI,
    "./run-local.sh test --slow": Held("tests/test_cli.py::test_test_runs_the_suite_and_hands_on_its_status"),
    "./run-local.sh test tests/finn_steps/rtl -x": Held("tests/test_cli.py::test_test_runs_the_suite_and_hands_on_its_status"),
    "./run-local.sh test --slow -k first_tagger": TAGGER,
    f"{BUILD}path/to/model.onnx": Run("equal to"),
    f"{BUILD}path/to/model.onnx --data samples.csv --label class": Run("accuracy"),
    f"{BUILD}path/to/model.onnx --target-ii 64": Run("inferences/s"),
    f"{BUILD}path/to/model.onnx --data samples.csv --label class --target-ii 16 --part xczu7ev-ffvc1156-2-e": Run("Yosys, xcup"),
    f"{BUILD}jet_qap --explore": Run("LUT"),
    f"{BUILD}path/to/model.onnx --input-fixed 16,6": Held("tests/build_dataflow/test_fixed.py::test_summary"),
    f"{BUILD}jet_qap --input-fixed 16,auto --interface valid": Held("tests/build_dataflow/test_fixed.py::test_every_jet"),
    f"{BUILD}jet_qap --board Pynq-Z2 --bitstream": Cannot("no Vivado; tests/deploy/test_bitstream.py runs its Tcl in tclsh"),
    f"{BUILD}jet_dpp --folding build_dataflow/jet_dpp/folding_tiles.json --output build/jet_dpp_tiles": Held(
        "tests/build_dataflow/test_jet_dpp_tiles.py::test_the_rtl_is_exact_and_takes_the_longest_layers_cycles"),
    f"{BUILD}path/to/model.keras --data samples.csv --label class": HGQ2,
    ".venv/bin/pip install --no-deps -r requirements/hgq2.txt": HGQ2,
    "./run-local.sh train tagger --from net.pt --data events.csv --label kind --drop event --lut 1000 --latency-ns 100 --quick": TAGGER,
    "./run-local.sh verify tagger --samples 1000000": TAGGER,
    f"{BUILD}models/tagger/model.onnx --data events.csv --label kind --drop event --explore": TAGGER,
    "./run-local.sh verify jet_qap": Run("equal"),
    "./run-local.sh verify NAME --samples 5000000": Held("tests/end2end/test_journeys.py::test_physicist"),
    "./run-local.sh report jet_qap": Held("tests/build_dataflow/page/test_facts.py::test_the_page_says_what_the_summary_says"),
    "python -m tests.build_dataflow.page.screenshots jet_qap": Cannot("minutes of Chromium; tests/build_dataflow/page/test_browser.py looks"),
    "./run-local.sh measure jet_qap --simulate": Run("Pynq-Z1"),
    "./run-local.sh measure jet_qap --board xilinx@192.168.2.99": Cannot("no board; tests/deploy/remote_board.py stands in for one"),
    "ssh-copy-id xilinx@192.168.2.99": Cannot("no board"),
    "vivado -mode batch -source shell/block_design.tcl -tclargs shell/Pynq-Z2.tcl out": Cannot("no Vivado"),
    "python3 measure.py --json measure.json --plot measure.png": Held("tests/deploy/test_simulated_board.py"),
    "python3 predict.py inputs.npy answers.npz": Held("tests/deploy/test_simulated_board.py"),
    "iverilog -g2012 -o ../bench.vvp -f ../tb/files.f && vvp -n ../bench.vvp": UNPACKED,
    "cd deploy/driver": Held("tests/deploy/test_simulated_board.py"),
    "cd deploy/core/rtl": UNPACKED,
    "./run-local.sh train jet_qap": Held("tests/models/test_train_command.py::test_the_same_command_gives_the_same_network"),
    "./run-local.sh train jet_widths": Held("tests/models/test_train_command.py::test_a_walk_writes_its_front_and_keeps_one_by_its_goal"),
    "./run-local.sh train --fields": Run("remaining"),
    "./run-local.sh train tagger --hidden 64,32,32 --data mine.csv --label kind --drop event": Run("next: ./run-local.sh build"),
    "./run-local.sh study qap": Held("tests/models/study/test_results_page.py::test_the_table_is_of_the_committed_study"),
    "./run-local.sh study published": Held("tests/models/test_train_command.py::test_committed_studies_can_be_read"),
    ".venv/bin/python -m models.study.summary docs/results/qap.csv": Run("accuracy", slow=False),
    ".venv/bin/python -m tests.benchmarks.training_step": Cannot("times this machine: speed is no test"),
    "./run-local.sh data show": Run("test accuracy"),
    "./run-local.sh data show --data mine.csv --label kind": Run("test accuracy"),
    "./run-local.sh data card": Held("tests/models/data/test_reference.py"),
    "./run-local.sh data generate --jets 60000 --seed 2026 --output jets.npz": GENERATED,
    'eval "$(./run-local.sh completion bash)"': Run("", slow=False),
    "./run-docker.sh build jet_qap": CONTAINER,
    "apt-get install python3 python3-venv g++": CONTAINER,
    "python3 -m venv qapflow-env && . qapflow-env/bin/activate": INSTALLED,
    "pip install path/to/checkout": INSTALLED,
    "pip install --no-deps finn-plus==1.6.1 onnx-passes==0.4.1 mip==1.17": INSTALLED,
    "pip install 'path/to/checkout[train]'": Cannot("PyTorch and Brevitas again, 1 GB: tests/test_package.py holds the extras to the locks"),
    "qapflow build jet_qap": INSTALLED,
    f"{MODULES}house": Held("tests/test_house.py"),
    f"{MODULES}pictures": Held("tests/test_documentation.py::test_pictures_are_drawn_anew"),
    f"{MODULES}fuzz": Held("tests/fuzz/test_fuzz.py::test_command_counts_and_says_what_failed"),
    f"{MODULES}fuzz.hostile": Held("tests/fuzz/test_hostile.py"),
    f"{MODULES}fuzz.hostile --inputs 10000": Held("tests/fuzz/test_hostile.py"),
    f"{MODULES}fuzz.hostile.builds FILE --builds 40": Held("tests/fuzz/test_hostile.py::test_what_is_accepted_builds_and_is_equal_to_its_file"),
    f"{MODULES}mutation --designs 510 --kept FILE --minutes 19": Held("tests/test_mutation.py::test_nothing_survives"),
    f"{MODULES}census [WORDS]": Held("tests/test_census.py::test_a_row"),
    f"{MODULES}benchmarks.scale --least 1000 --most 100000 --synthesise 0": Held("tests/benchmarks/test_scale.py"),
    f"{MODULES}benchmarks.large": Held("tests/end2end/test_large_networks.py::test_large_networks"),
    f"{MODULES}benchmarks.yosys_profile --page": Cannot("minutes of Yosys; tests/benchmarks/test_large.py holds its page"),
    f"{MODULES}soak build/jet_qap --jets 10000000": Held("tests/test_soak.py::test_soak"),
    f"{MODULES}benchmarks.peers": Cannot("hours; tests/benchmarks/test_page.py holds its page"),
    f"{MODULES}benchmarks.peers --only alkaid": Cannot("hours; tests/benchmarks/test_page.py holds its page"),
    ".venv/bin/python -m tests.benchmarks.front": Held("tests/benchmarks/test_front.py::test_the_page_has_the_tables_of_the_rows"),
    ".venv/bin/python -m tests.benchmarks.front measure ARM SEED FILE... --alkaid PYTHON": Cannot("alkaid and Keras in their own environment"),
    ".venv/bin/python -m tests.benchmarks.front_arms ARM SEED... --output FOLDER":
        Held("tests/benchmarks/test_front_arms.py::test_an_arm_writes_its_sizes"),
    f"{MODULES}benchmarks.hgq2_front FOLDER --seed 1 --epochs 4500": Cannot("an hour of HGQ2's training, in its own environment"),
    f"{MODULES}benchmarks.by_layer": Held("tests/finn_steps/synthesis/test_by_layer.py"),
    "python -m pytest -m slow tests/finn_steps/proof -k shipped": Held("tests/finn_steps/proof/test_prove.py"),
    "python -m pytest -m slow tests/finn_steps/synthesis/test_mapped.py": Held("tests/finn_steps/synthesis/test_mapped.py"),
    "python -m pytest -m slow tests/finn_steps/synthesis/test_equivalence.py": Held("tests/finn_steps/synthesis/test_equivalence.py"),
}


def runs(slow: bool) -> list[str]:
    return [command for command, how in KNOWN.items() if isinstance(how, Run) and how.slow == slow]


def holds(held: Held) -> bool:
    """Whether the test is there."""
    file, _, name = held.by.partition("::")
    path: Path = ROOT / file
    return path.is_file() and (not name or re.search(rf"^def {name}\(", path.read_text(), re.M) is not None)


def environment_is_made() -> bool:
    """Whether run-local.sh would start at once: a test must not make the environment anew that it runs in."""
    stamp = ROOT / ".venv" / "stamp"
    locks = "".join((ROOT / "requirements" / f"{name}.txt").read_text() for name in ("base", "torch"))
    return stamp.is_file() and stamp.read_text().partition("\n")[2] == locks
