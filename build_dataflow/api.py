"""Builds from Python: what docs/api.md says. Nothing heavy is imported before it is used."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from finn_steps.accelerator import Accelerator


@dataclass(frozen=True)
class Result:
    """A finished build.

    folder   where it lies; docs/summary.md and deploy/README.md say what is in it
    summary  report/summary.json
    """

    folder: Path
    summary: dict[str, Any]

    @cached_property
    def accelerator(self) -> Accelerator:
        """The integer network as it was built, layer by layer: docs/accelerator.md."""
        from finn_steps.accelerator import Accelerator

        return Accelerator.load(self.folder)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """float32 [N, features] -> the model's outputs, float32 [N, outputs], or labels [N, 1] of a build with last_layer="label":
        what hardware and driver answer, bit for bit. ValueError for another number of features."""
        import numpy as np

        x = np.asarray(x, np.float32)
        if x.ndim != 2 or x.shape[1] != self.accelerator.features:
            raise ValueError(f"{self.folder}: predict takes [N, {self.accelerator.features}], got {list(x.shape)}")
        network = self.accelerator
        return network.dequantise(network.execute(network.quantise(x)))

    def report(self, schedule: bool | None = None) -> Path | None:
        """Print what `report` prints, and write its HTML page: the path, or None where it cannot be written, which is said.

        schedule  whether the RTL is simulated once more, to see when each layer works; None: where the design is small
        """
        from build_dataflow.page.page import page_or_reason
        from build_dataflow.report import print_report

        print_report(self.summary, self.folder)
        path, reason = page_or_reason([self.folder], measure=schedule)
        print(path or f"no page was written: {reason}")
        return path


def build(model: str | Path, output: str | Path | None = None, *, resume: bool = False, **options: Any) -> Result:
    """Build, verify and report one network, as the command `build` does.

    model    path of a .onnx, .keras or build.yaml file, or the name of a shipped build
    output   folder of the build (default: build/<name>)
    resume   go on from the last finished step of an interrupted build
    options  fields of BuildOptions: target_ii=1, part="xczu7ev-ffvc1156-2-e", data="samples.csv", label="class", synthesis=False, …;
             clock_ns may be (least, greatest)

    TypeError for an unknown option; else what the command reports as one line: ValueError, OSError, RuntimeError, and
    VerificationError among them where hardware and model differ.
    """
    from build_dataflow.building import build as run
    from build_dataflow.configuration import read_options

    _check_names(options)
    read = read_options(str(model), options)
    folder = Path(output) if output is not None else Path("build") / read.name
    return Result(folder, run(read, folder, resume))


def load(folder: str | Path) -> Result:
    """A build that is finished: its folder, or its name in build/. FileNotFoundError where there is none."""
    from build_dataflow.jsonfile import read_json
    from build_dataflow.report import find_build

    found = find_build(str(folder))
    return Result(found, read_json(found / "report" / "summary.json"))


def _check_names(options: dict[str, Any]) -> None:
    from build_dataflow.configuration import BuildOptions

    known = {field.name for field in fields(BuildOptions)} - {"model", "clock_range"}
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise TypeError(f"build() has no option {name}; " + (f"did you mean {near[0]}?" if near else f"options: {', '.join(sorted(known))}"))
