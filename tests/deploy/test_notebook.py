"""The notebook runs from top to bottom on the simulated board, cell by cell in IPython."""

from deploy.shell.boards import find_board
from deploy.simulate import simulated_board
from tests.deploy.builds import CACHE, network_package

RUNNER = """
import json
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in json.load(open("notebook.ipynb"))["cells"]:
    if cell["cell_type"] == "code":
        shell.run_cell("".join(cell["source"]), store_history=True).raise_error()
print("all cells ran")
"""


def test_the_notebook_runs(tmp_path):
    network_package(tmp_path)
    with simulated_board(tmp_path / "deploy", find_board("pynq-z2"), 100.0, CACHE) as run:
        (run.folder / "driver" / "run_notebook.py").write_text(RUNNER)
        run.environment["LARGEST_BATCH"] = "1000"
        done = run("run_notebook.py", capture_output=True, text=True)
        drawn = (run.folder / "driver" / "measure.png").stat().st_size
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all cells ran" in done.stdout and "test vectors: 300 of 300 equal" in done.stdout and drawn > 10_000
