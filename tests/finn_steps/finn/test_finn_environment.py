"""FINN without Vivado, without a writable home folder, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

SCRIPT = """
from finn_steps.finn.environment import finn_build_folder, prepare_finn
import os
with finn_build_folder("here/finn_build"):
    import finn.xsi
    from finn.util.basic import make_build_dir
    print(make_build_dir("code_"))
    try:
        finn.xsi.SimEngine()
    except RuntimeError as error:
        print(error)
print("FINN_BUILD_DIR" in os.environ, "XILINX_VIVADO" in os.environ)
with finn_build_folder("here/empty"):
    pass
print(os.path.exists("here/empty"))
from finn.custom_op.fpgadataflow import custom_op
print("SparseMVAU" in custom_op)
"""


def test_it_needs_neither_vivado_nor_home(tmp_path):
    (tmp_path / "here").mkdir()
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("FINN_", "XILINX_"))}
    environment |= {"HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True)
    if "No module named 'finn'" in run.stderr:
        pytest.skip("FINN is not installed")
    assert run.returncode == 0, run.stderr
    folder, vivado, restored, empty, registered = run.stdout.splitlines()[-5:]
    assert folder.startswith(str(tmp_path / "here" / "finn_build"))
    assert "SimEngine simulates with Vivado, which is not here" in vivado
    assert (restored, empty, registered) == ("False False", "False", "True")
