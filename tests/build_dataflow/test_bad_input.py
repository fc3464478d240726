"""What a user can get wrong: one line that says what, where and the way out, a non-zero exit, nothing lost."""

import os
import subprocess
import sys
from dataclasses import fields

import pytest

from build_dataflow import configuration
from build_dataflow.configuration import ROOT, BuildOptions, read_options
from build_dataflow.output_folder import OutputFolder


def run(*arguments, **environment):
    """The command line in a process of its own: (exit status, standard error)."""
    done = subprocess.run([sys.executable, "-m", "build_dataflow", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stderr


def one_error(stderr):
    lines = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in stderr, stderr
    return lines[0]


def test_no_such_model(tmp_path):
    status, stderr = run("build", tmp_path / "missing.onnx")
    assert status == 1 and "missing.onnx: no such model" in one_error(stderr)


def test_unknown_build_suggests_the_nearest():
    status, stderr = run("build", "jet_qup")
    assert status == 1 and "'jet_qup' is no known build" in one_error(stderr) and "jet_qap" in one_error(stderr)


def test_truncated_onnx(small_model, tmp_path):
    truncated = tmp_path / "truncated.onnx"
    truncated.write_bytes(small_model.read_bytes()[:700])
    status, stderr = run("build", truncated, "--output", tmp_path / "out")
    assert status == 1 and "truncated.onnx" in one_error(stderr)
    assert not (tmp_path / "out").exists()


def test_output_that_cannot_be_written(small_model):
    status, stderr = run("build", small_model, "--output", "/proc/nowhere/out")
    assert status == 1 and "/proc/nowhere/out: the output folder cannot be written" in one_error(stderr)


def test_output_that_is_something_else(small_model, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    status, stderr = run("build", small_model, "--output", tmp_path)
    assert status == 1 and "is no build of ours" in one_error(stderr)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_no_compiler(small_model, tmp_path):
    (tmp_path / "bin").mkdir()
    status, stderr = run("build", small_model, "--output", tmp_path / "out", "--no-synthesis", PATH=str(tmp_path / "bin"), QAPFLOW_CACHE=str(tmp_path / "cache"))
    assert status == 1 and "g++" in one_error(stderr) and "install" in one_error(stderr)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_no_space_left(small_model, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        status, stderr = run("build", small_model, "--output", disk / "out")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
    assert status == 1 and "No space left on device" in one_error(stderr) and "free some space" in one_error(stderr)


def test_unknown_field_suggests_the_nearest(small_model, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"model: '{small_model}'\nclock: 5\n")
    with pytest.raises(ValueError, match="unknown field 'clock', did you mean 'clock_ns'"):
        read_options(str(path), {})


@pytest.mark.parametrize("field, value, message", [
    ("target_ii", 0, "target_ii \\(0\\) must be a number above zero"),
    ("part", "ice40", "part 'ice40' is of no known family"),
    ("clock_ns", -1.0, "clock_ns \\(-1.0\\)"),
])
def test_values_that_make_no_sense(small_model, field, value, message):
    with pytest.raises(ValueError, match=message):
        read_options(str(small_model), {field: value})


def test_a_file_may_say_of_every_field_what_it_is_by_default(small_model):
    """A field that configuration.KINDS has forgotten is of another kind there."""
    usual = BuildOptions("mine", small_model).as_json() | {"drop": ["a"], "model": "small.onnx"}
    assert [key for key, value in usual.items() if value is not None and not configuration._is_of_kind(value, key)] == []
    texts = [field.name for field in fields(BuildOptions) if "str" in field.type or "Path" in field.type]
    assert [key for key in texts if key not in configuration.KINDS] == []


def test_rate_above_the_clock(small_model):
    with pytest.raises(ValueError, match="target_fps 1e\\+09 is above one inference a cycle"):
        read_options(str(small_model), {"target_fps": 1e9, "clock_ns": 5.0}).target_ii_cycles


@pytest.mark.parametrize("clock", [("--clock-ns", "5"), pytest.param((), marks=pytest.mark.slow)], ids=["one clock", "any clock"])
def test_a_latency_that_cannot_be_is_quoted_as_given(small_model, tmp_path, clock):
    status, stderr = run("build", small_model, "--max-latency-ns", "4.5", *clock, "--output", tmp_path / "out")
    assert status == 1 and "nothing within 4.5 ns of latency" in one_error(stderr) and " ns)" in one_error(stderr)


def test_second_build_in_the_same_folder(tmp_path):
    with OutputFolder(tmp_path / "out").locked():
        with pytest.raises(RuntimeError, match="another build is writing here"), OutputFolder(tmp_path / "out").locked():
            pass


def test_an_error_is_all_that_is_said(tmp_path):
    """Also where torch and Brevitas, which warn, are loaded before it."""
    (tmp_path / "events.csv").write_text("a,b,kind\n" + "".join(f"{i},{i % 7},{'xy'[i % 2]}\n" for i in range(200)))
    options = ("--data", tmp_path / "events.csv", "--label", "kind", "--drop", "a", "--hidden", "4", "--lut", "1", "--output", tmp_path / "net")
    status, stderr = run("train", *options)
    assert status == 1 and stderr.count("\n") == 1 and "nothing keeps 1 LUT" in one_error(stderr)
