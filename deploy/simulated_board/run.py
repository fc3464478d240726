"""Run a script on the simulated board: `python -m deploy.simulated_board.run SCRIPT ARGUMENTS`, in pynq's environment.

The script sees what it would on a board: pynq finds a device, and nothing of ours is on its path but its own folder.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from deploy.simulated_board import device


def main() -> None:
    script = Path(sys.argv[1]).resolve()
    assert device.SimulatedDevice
    sys.argv = sys.argv[1:]
    sys.path[0] = str(script.parent)
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
