"""The command line and the builds: what ties training, FINN steps and deployment together.

    from build_dataflow import build
    result = build("model.onnx", target_ii=1)

docs/api.md says what there is; the command line does the same.
"""

from build_dataflow.beside_us import check_names

check_names()

from build_dataflow.api import Result, build, load  # noqa: E402
from build_dataflow.version import VERSION as __version__  # noqa: E402

__all__ = ["Result", "__version__", "build", "load"]
