"""What SECURITY.md says: files that are read run no code, names and paths reach no shell."""

import ast
import json
import os
import pickle
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from build_dataflow.configuration import ROOT, read_options
from deploy.ssh import run_on_board

ROOMS = ("build_dataflow", "deploy", "finn_steps", "models")
FORBIDDEN = {"eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "joblib.load", "marshal.loads", "shelve.open", "yaml.load",
             "yaml.unsafe_load", "yaml.full_load", "pd.read_pickle", "subprocess.getoutput", "compile"}
SHELLS = ("finn_steps/tools/processes.py", "deploy/ssh.py")
"""Where a shell is started at all: with a fixed text and the command as its arguments; and on a board, with shlex.quote."""


def dotted(node):
    """a.b.c of a name or an attribute; nothing of other expressions."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@cache
def calls():
    """(file, called name, node) of every call in the product."""
    return [(str(path.relative_to(ROOT)), dotted(node.func), node) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))
            for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


def keyword(node, name):
    return next((ast.unparse(entry.value) for entry in node.keywords if entry.arg == name), None)


def test_no_call_runs_what_a_file_says():
    assert [(file, name) for file, name, _ in calls() if name in FORBIDDEN] == []


def test_arrays_and_checkpoints_are_read_without_pickle():
    reading = [(file, name, node) for file, name, node in calls() if name in ("np.load", "torch.load")]
    assert len(reading) > 10
    assert [(file, name) for file, name, node in reading
            if (name, keyword(node, "allow_pickle"), keyword(node, "weights_only")) not in
            (("np.load", "False", None), ("torch.load", None, "True"))] == []


def test_no_program_is_started_through_a_shell():
    assert [file for file, _, node in calls() if keyword(node, "shell") not in (None, "False")] == []
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if re.search(r"""["'](/bin/)?(ba)?sh["'],\s*["']-c|bash -c""", path.read_text()):
                assert str(path.relative_to(ROOT)) in SHELLS, path


def test_a_host_is_no_option_of_ssh(tmp_path):
    with pytest.raises(ValueError, match="is no host"):
        run_on_board(f"-oProxyCommand=touch {tmp_path}/touched", tmp_path, [], [], [], tmp_path)


@pytest.mark.parametrize("name", ["../away", "a/b", "/away", ".", "..", "", "a\nb", "a\x00b", 3, None, ["a"], "x" * 300])
def test_a_build_s_name_is_no_path(tmp_path, name):
    (tmp_path / "model.onnx").write_bytes(b"")
    (tmp_path / "mine.yaml").write_text(json.dumps({"model": "model.onnx", "name": name}))
    with pytest.raises(ValueError, match="name"):
        read_options(str(tmp_path / "mine.yaml"), {})


class Harmless:
    """Unpickled, it would make a file."""

    def __reduce__(self):
        return Path.touch, (Path(os.environ["TOUCHED"]),)


def test_an_object_in_a_table_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    from models.data.load import load_dataset

    monkeypatch.setenv("TOUCHED", str(tmp_path / "touched"))
    pickle.loads(pickle.dumps(Harmless()))
    assert (tmp_path / "touched").exists()
    (tmp_path / "touched").unlink()
    np.savez(tmp_path / "table.npz", X=np.array([Harmless()] * 3), y=np.zeros(3))
    with pytest.raises(ValueError, match="not a readable npz file"):
        load_dataset(tmp_path / "table.npz")
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda path: path.stem)
def test_every_requirement_has_a_version_and_hashes(path):
    """Continued lines joined: name==version, then at least one sha256."""
    lines = [line.strip() for line in re.sub(r"\\\n", " ", path.read_text()).splitlines() if line.strip() and not line.strip().startswith("#")]
    assert lines
    assert [line for line in lines if not re.match(r"[\w.\[\]-]+==[^\s;]+( *;[^#]*?)?( +--hash=sha256:[0-9a-f]{64})+( +#.*)?$", line)] == []


def test_what_installs_packages_asks_for_their_hashes():
    """Wherever the product starts pip to install something."""
    scripts = {path: path.read_text() for path in (*ROOT.glob("*.sh"), *(ROOT / "docker").iterdir()) if path.is_file()}
    programs = {path: path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    installing = {path.name: text for path, text in scripts.items() if re.search(r"\bpip\b.* install\b", text)}
    installing |= {path.name: text for path, text in programs.items() if '"pip"' in text and '"install"' in text}
    assert {"run-local.sh", "extras.py", "environment.py"} <= installing.keys()
    assert [name for name, text in installing.items() if "--require-hashes" not in text] == []
