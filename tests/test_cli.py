"""The command line: loading, errors, exit statuses, help; and the `test` command."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import build_dataflow.commands
from build_dataflow import cli

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = cli.cli.list_commands(click.Context(cli.cli))

FAILING = """
import click, errno

@click.command()
@click.argument("what")
def command(what):
    '''Fail in the way that is asked for.'''
    if what == "status":
        click.get_current_context().exit(7)
    if what == "abort":
        raise click.Abort()
    if what == "usage":
        raise click.UsageError("two\\nlines", click.get_current_context())
    if what == "nothing":
        return
    raise {
        "value": ValueError("layer2: PE (3) must divide MH (32)"),
        "runtime": RuntimeError("sample 3\\n  differs"),
        "file": FileNotFoundError(errno.ENOENT, "No such file or directory", "some/model.onnx"),
        "space": OSError(errno.ENOSPC, "No space left on device", "build/x"),
        "denied": PermissionError(errno.EACCES, "Permission denied", "x"),
        "oserror": OSError("a sentence of our own"),
        "type": TypeError("a bug"),
        "empty": ValueError(),
        "interrupt": KeyboardInterrupt(),
    }[what]
"""


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """A command line with the one command `fail-here`, which fails as its argument says."""
    (tmp_path / "fail_here.py").write_text(FAILING)
    monkeypatch.setattr(cli, "COMMANDS", tmp_path)
    monkeypatch.setattr(cli, "PROGRAM", "./run-local.sh")
    monkeypatch.setattr(build_dataflow.commands, "__path__", [str(tmp_path)])
    yield
    sys.modules.pop("build_dataflow.commands.fail_here", None)


@pytest.mark.parametrize(
    "what, status, line",
    [
        ("nothing", 0, ""),
        ("status", 7, ""),
        ("value", 1, "error: layer2: PE (3) must divide MH (32)"),
        ("runtime", 1, "error: sample 3 differs"),
        ("file", 1, "error: some/model.onnx: No such file or directory"),
        ("space", 1, "error: build/x: No space left on device; free some space, or write to another disk"),
        ("denied", 1, "error: x: Permission denied; choose a place that you may write to, or change its permissions"),
        ("oserror", 1, "error: a sentence of our own"),
        ("type", 1, "error: TypeError: a bug: this was not expected; --verbose shows where it happened"),
        ("empty", 1, "error: ValueError: this was not expected; --verbose shows where it happened"),
        ("usage", 2, "error: two lines (see: ./run-local.sh fail-here --help)"),
        ("interrupt", 130, "interrupted"),
        ("abort", 130, "interrupted"),
    ],
)
def test_every_end_of_a_command_is_one_line_and_a_status(failing, capsys, what, status, line):
    assert cli.main(["fail-here", what]) == status
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err == (line + "\n" if line else "")


@pytest.mark.parametrize("arguments", [["--verbose", "fail-here", "value"], ["fail-here", "--verbose", "value"], ["fail-here", "value", "--verbose"]])
def test_verbose_shows_the_traceback_wherever_it_stands(failing, capsys, arguments):
    assert cli.main(arguments) == 1
    shown = capsys.readouterr().err
    assert "Traceback" in shown and "fail_here.py" in shown
    assert shown.endswith("error: layer2: PE (3) must divide MH (32)\n")


def test_unknown_command_names_the_nearest(failing, capsys):
    assert cli.main(["fial-here"]) == 2
    assert "no such command: fial-here; did you mean fail-here?" in capsys.readouterr().err
    assert cli.main(["quite-other"]) == 2
    assert "commands: fail-here" in capsys.readouterr().err


def test_unknown_option_is_one_line(capsys):
    assert cli.main(["--colour"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ") and "--colour" in shown and shown.count("\n") == 1


def test_no_arguments_show_the_help(capsys):
    assert cli.main([]) == 2
    assert "Commands:" in capsys.readouterr().err
    assert cli.main(["--help"]) == 0
    assert "Commands:" in capsys.readouterr().out


def test_a_reader_that_goes_away_is_no_error():
    code = "from build_dataflow.cli import main; import sys; sys.exit(main(['--help']))"
    reader, writer = os.pipe()
    os.close(reader)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert (run.returncode, run.stderr) == (141, "")


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)], ids=lambda arguments: " ".join(arguments))
def test_help_loads_nothing_slow(arguments):
    """What makes a start quick: no command module imports torch, FINN and the like before its command runs."""
    code = f"import sys; from build_dataflow.cli import main; main({arguments!r}); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stderr.split()
    assert "click" in loaded
    assert not {"torch", "finn", "brevitas", "qonnx", "onnx", "onnxruntime", "numpy", "pandas", "scipy", "matplotlib"} & set(loaded)


def leaves(command: click.Command, name: str):
    """`command` if it is a command, else the commands in the group, each with its full name."""
    if isinstance(command, click.Group):
        for below in command.commands.values():
            yield from leaves(below, f"{name} {below.name}")
    else:
        yield name, command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_an_example(name):
    command = cli.cli.get_command(click.Context(cli.cli), name)
    for full_name, leaf in leaves(command, name):
        text = leaf.get_help(click.Context(leaf, info_name=full_name))
        assert f"./run-local.sh {full_name}" in text, f"{full_name} --help has no example"
    assert re.search(rf"(`|run-local\.sh ){name}\b", (ROOT / "README.md").read_text()), f"README.md does not name {name}"


@pytest.fixture
def checkout(tmp_path):
    """A checkout of the command line with a suite of its own, in a folder with a space in its name."""
    root = tmp_path / "a check out"
    shutil.copytree(ROOT / "build_dataflow", root / "build_dataflow", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "tests").mkdir()
    (root / "tests" / "test_two.py").write_text(
        "import pytest\ndef test_good(): pass\n@pytest.mark.slow\ndef test_slow_and_bad(): assert False\n"
    )
    return root


@pytest.mark.parametrize(
    "arguments, status, outcome",
    [
        ([], 0, "1 passed in"),
        (["--slow"], 1, "1 failed, 1 passed in"),
        (["--slow", "-k", "good"], 0, "1 passed, 1 deselected"),
        (["tests/test_none.py"], 4, "file or directory not found"),
    ],
)
def test_test_runs_the_suite_and_hands_on_its_status(checkout, tmp_path, arguments, status, outcome):
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    run = subprocess.run(
        [sys.executable, "-m", "build_dataflow", "test", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == status, run.stdout + run.stderr
    assert outcome in run.stdout + run.stderr


NEAR = {
    ("build", "jet_qap", "--targt-ii", "4"): "--target-ii",
    ("build", "build.yaml"): "unknown field 'targt_ii', did you mean 'target_ii'?",
    ("build", "jet_qpa"): "jet_qap",
    ("train", "train.yaml", "--output", "x"): "training has no field 'weigth_bits'; did you mean 'weight_bits'?",
    ("train", "--set", "weigth_bits=4"): "training has no field 'weigth_bits'; did you mean 'weight_bits'?",
    ("study", "study.yaml"): "study has no field 'repeets'; did you mean 'repeat'?",
    ("data", "shw"): "Did you mean 'show'?",
    ("data", "show", "--lable", "x"): "Did you mean '--label'?",
    ("report", "smal"): "no finished build here; did you mean small?",
    ("verify", "smal"): "no finished build here; did you mean small?",
    ("measure", "smal", "--simulate"): "no finished build here; did you mean small?",
}


@pytest.mark.parametrize("arguments", NEAR, ids=" ".join)
def test_the_nearest_name_is_told(arguments, tmp_path, monkeypatch, capsys):
    """Of commands, options, builds, and fields of every file that a person writes."""
    monkeypatch.chdir(tmp_path)
    files = {"build.yaml": f"model: {ROOT}/models/jet_qap/model.onnx\ntargt_ii: 4\n", "train.yaml": "weigth_bits: 4\n", "study.yaml": "repeets: 2\n",
             "build/small/report/summary.json": "{}"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert cli.main(list(arguments)) in (1, 2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ") and NEAR[arguments] in last


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" in declared["dynamic"] and re.fullmatch(r"qapflow, version \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    "typed, offered",
    [("bu", {"build"}), ("build jet_q", {"jet_qap", "jet_qap_small"}), ("train jet_d", {"jet_dpp"}), ("study q", {"qap"}),
     ("report s", {"smal"}), ("build jet_qap --lut", {"--lut-budget"})],
)
def test_bash_completes_commands_options_and_names(tmp_path, typed, offered):
    """Bash itself loads the printed script and asks it, as TAB does."""
    report = tmp_path / "build" / "smal" / "report"
    report.mkdir(parents=True)
    (report / "summary.json").write_text("{}")
    program = tmp_path / "run-local.sh"
    program.write_text(f'#!/bin/sh\nexport PYTHONPATH="{ROOT}" QAPFLOW_PROGRAM=./run-local.sh\nexec "{sys.executable}" -m build_dataflow "$@"\n')
    program.chmod(0o755)
    words = ["./run-local.sh", *typed.split()]
    ask = f'''eval "$(./run-local.sh completion bash)"
        COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}
        function=$(complete -p run-local.sh | sed 's/.*-F \\([^ ]*\\) .*/\\1/'); $function ./run-local.sh; printf '%s\\n' "${{COMPREPLY[@]}}"'''
    run = subprocess.run(["bash", "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == offered


def test_json_stands_alone_on_standard_output(tmp_path):
    """What a command and its children say meanwhile goes to standard error."""
    code = "import subprocess\nfrom build_dataflow.stdout import talking_on_stderr\n" \
           "with talking_on_stderr():\n    print('talk'); subprocess.run(['echo', 'child'], check=True)\nprint('{}')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "{}\n" and set(run.stderr.split()) == {"talk", "child"}


NO_JSON = {"completion", "test", "data card", "data generate"}
"""What these print is a script, pytest's own, or one line."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_that_reports_has_json(name):
    command = cli.cli.get_command(click.Context(cli.cli), name)
    for full_name, leaf in leaves(command, name):
        assert ("--json" in [option for parameter in leaf.params for option in parameter.opts]) == (full_name not in NO_JSON), full_name
