"""`python -m build_dataflow`: what run-local.sh and run-docker.sh start."""

import os
import sys
import warnings

from build_dataflow.cli import main

if __name__ == "__main__":
    if not sys.warnoptions and "--verbose" not in sys.argv:  # what libraries warn of is for their developers
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"  # of worker processes
    raise SystemExit(main())
