"""`qapflow`: the command line as pip installs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOME = str(Path(__file__).resolve().parents[1])
"""The folder of our packages: a checkout, or site-packages/qapflow."""


def main() -> int:
    """The command line, as main() of cli.py. Our packages come first on the path, here and in all that is started from here."""
    sys.path.insert(0, HOME)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HOME, os.environ.get("PYTHONPATH")]))
    os.environ.setdefault("QAPFLOW_PROGRAM", "qapflow")
    from build_dataflow.cli import main

    return main()
