"""Everything that a page says of a build, read from the build's folder; what an older build did not keep is None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from build_dataflow.jsonfile import read_json
from build_dataflow.performance import PERFORMANCE, TRAINING
from finn_steps.accelerator import Accelerator


@dataclass(frozen=True, eq=False)
class Facts:
    """`key` tells builds of a page apart, and `place` those of one name; the others are the contents of the files of report/."""

    key: str
    folder: Path
    summary: dict[str, Any]
    options: dict[str, Any]
    performance: dict[str, Any] | None
    training: dict[str, Any]
    place: str = ""

    @classmethod
    def read(cls, folder: Path, key: str = "b0") -> Facts:
        def read(name: str) -> dict:
            return read_json(folder / "report" / name) or {}

        return cls(key, folder, read("summary.json"), read("options.json"), read(PERFORMANCE) or None, read(TRAINING))

    @property
    def name(self) -> str:
        return f"{self.summary['name']} ({self.place})" if self.place else self.summary["name"]

    @property
    def hardware(self) -> dict[str, Any]:
        return self.summary["hardware"]

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The summary's layers, each with its share of what joins it: `lut`, `ff`, `bram`, `dsp`, `cycles`, by the cost model, or `lut` to
        `dsp` as Yosys counted the layer apart; and `bits`, the widths of its weights and its inputs."""
        estimated = {layer["name"]: layer for layer in self.summary.get("estimate", {}).get("layers", [])}
        apart = {layer["name"]: layer for layer in self.summary.get("synthesis", {}).get("by_layer", {}).get("layers", [])}
        return [{**layer, **estimated.get(layer["name"], {}), **apart.get(layer["name"], {})} for layer in self.hardware["layers"]]

    @property
    def cells_from(self) -> str:
        if self.summary.get("synthesis", {}).get("by_layer"):
            return "Yosys, each layer synthesised apart"
        return "the cost model's estimate of each layer's share"

    @cached_property
    def accelerator(self) -> Accelerator:
        return Accelerator.load(self.folder)

    @property
    def feature_names(self) -> list[str]:
        """Of the inputs of the first layer; numbers where the data is not one of ours."""
        from models.data.generator.names import FEATURES

        index = self.accelerator.input_index.tolist()
        ours = self.options.get("data") == "qapjets" and self.accelerator.features == len(FEATURES)
        return [FEATURES[place] if ours else f"input {place}" for place in index]


def told_apart(builds: Sequence[Facts]) -> list[Facts]:
    """Builds of one name say where they lie, in as many folders as it takes."""
    return [replace(build, place=place_among([other.folder for other in builds if other.name == build.name], build.folder)) for build in builds]


def place_among(folders: Sequence[Path], folder: Path) -> str:
    """The shortest end of a path that no other of these folders has; nothing where there is no other."""
    others = [other.resolve() for other in folders if other.resolve() != folder.resolve()]
    ends = ["/".join(folder.resolve().parts[-length:]) for length in range(1, len(folder.resolve().parts))]
    return next(end for end in ends if not any(f"/{other}".endswith(f"/{end}") for other in others)) if others else ""


def at(summary: dict[str, Any], path: str) -> Any:
    """The value at `hardware.latency_cycles` of a summary; None where there is none."""
    found: Any = summary
    for name in path.split("."):
        if isinstance(found, list):
            found = found[int(name)] if int(name) < len(found) else None
        elif isinstance(found, dict):
            found = found.get(name)
        else:
            return None
    return found
