"""A build is held to the user's own file, of which it keeps the bytes: `original.onnx` in the build's folder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from build_dataflow.jsonfile import read_json
from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.importer.borderline import Borderline
from finn_steps.importer.input_quant import NODE, InputQuant
from finn_steps.original.compare import Comparison, compare
from finn_steps.original.executor import Original
from finn_steps.original.meeting import Meeting, load_meetings
from finn_steps.original.stimulus import INEXACT, Stimulus, level_inputs
from finn_steps.original.words import word_inputs
from finn_steps.original.user_file import copy_model, external_files

ORIGINAL = "original.onnx"
OWN_NAMES = ("accelerator.json", "accelerator.npz", "bitfile", "build.log", "deploy", "driver", "finn_build", "folding_config.json", "import",
             "intermediate_models", ORIGINAL, "report", "rtl", "standard.onnx", "verification_output")
"""Of what stands in a build's folder."""
LEVELS = Path("verification_output") / "levels.npz"
"""x float32 [N, features]: the inputs that take every input through its levels, and the corners; where words of fixed point come in, through
its words, or both sides of every step, and `words`: the same, up to WORD_SAMPLES."""
LEVEL_SAMPLES, LEVEL_BUDGET = 2**16, 2 * 10**9
"""Of the samples that go through the input's levels: the most, and the work (Original.work) that they may take."""
WORD_SAMPLES, RTL_WORDS = 2**16 + 2, 2**12 + 2
"""Of those that go through fixed-point words: the most, and of the RTL."""


@dataclass(frozen=True, eq=False)
class Held:
    """The file that a build was made of, and what was read from it.

    input_quant  how its float inputs are quantised where the build was told so: the file, which has no such quantiser, then takes
                 values that it leaves as they are
    input_fixed  the fixed-point words that the hardware takes, if it does
    """

    original: Original
    meetings: dict[str, Meeting]
    imported: Accelerator
    borderline: Borderline
    standard: Path
    input_quant: InputQuant | None = None
    input_fixed: FixedInput | None = None

    @classmethod
    def load(cls, folder: Path) -> Held:
        """Of a build's folder. ValueError where the file there is not the one that was built; FileNotFoundError in an older build."""
        if not (folder / ORIGINAL).is_file():
            raise FileNotFoundError(f"{folder}: this build did not keep the file that it was made of; build it anew")
        options = read_json(folder / "report" / "options.json") or {}
        original = Original(folder / ORIGINAL, Path(options.get("model", ORIGINAL)).name)
        built = options.get("model_sha256", original.sha256)
        if original.sha256 != built:
            raise ValueError(f"{folder / ORIGINAL} is not the file that was built (sha256 {original.sha256[:12]}, not {built[:12]})")
        inside, told = folder / "import", options.get("input_quant")
        quant = None if told is None else InputQuant(**told)
        meetings = load_meetings(inside / "meetings.json")
        if quant is not None and meetings["input"].tensor == f"{original.file.input.name}/{NODE}":
            meetings["input"] = replace(meetings["input"], tensor=original.file.input.name)
        borderline = Borderline.load(inside / "borderline.npz")
        fixed = options.get("input_fixed")
        words = None if fixed is None else FixedInput.parse(fixed)
        return cls(original, meetings, Accelerator.load(inside), borderline, folder / "standard.onnx", quant, words)

    def taken(self, x: np.ndarray) -> np.ndarray:
        """The nearest inputs that the file takes, float32 [N, features]."""
        x = self.original.file.representable(x)
        return x if self.input_quant is None else self.original.file.representable(self.input_quant.apply(x))

    def levels(self) -> Stimulus:
        """Every level of every input, or as many as the budget allows, and corners."""
        file = self.original.file
        first = self.meetings.get("input") or self.meetings.get(self.imported.layers[0].name)
        edges = not INEXACT & file.operators_before(first.tensor if first else file.output)
        most = self.original.affordable(LEVEL_SAMPLES, LEVEL_BUDGET)
        return level_inputs(self.imported, file.input_datatype, edges, most, self.taken)

    def words(self) -> np.ndarray:
        """Every word of every input in fixed point, or as many as the budget allows, float32 [N, features]. ValueError where the file
        does not take words."""
        file = self.original.file
        x = word_inputs(self.imported, self.input_fixed, max(3, self.original.affordable(WORD_SAMPLES, LEVEL_BUDGET)))
        if file.input_datatype is not None:
            raise ValueError(f"--input-fixed {self.input_fixed}: input {file.input.name} is whole numbers already ({file.input_datatype}), which "
                             "the hardware takes as they are; leave it out")
        if not np.array_equal(file.representable(x), x):
            raise ValueError(f"--input-fixed {self.input_fixed}: input {file.input.name} ({file.input_dtype}) does not hold every word; take fewer "
                             "bits")
        return x

    def compare(self, x: np.ndarray) -> Comparison:
        """float32 [N, features]. DifferenceError where the file answers otherwise."""
        x = self.taken(x)
        return compare(self.original, self.meetings, self.imported, x, self._touched(x), self.standard)

    def _touched(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """bool [N] by layer: samples in which float rounding may change what the layer gives."""
        touched, entries = {}, self.borderline.layers
        if not entries:
            return touched
        values = self.imported.quantise(x)
        for layer in self.imported.layers:
            if layer.name in entries:
                touched[layer.name] = entries[layer.name].samples(layer, values)
            values = layer.execute(values)
        return touched


def keep_original(model: Path, folder: Path) -> None:
    """Copy the user's file, byte for byte, with its external data. ValueError where that has the name of something that a build writes."""
    for location in external_files(model):
        if Path(location).parts[0] in OWN_NAMES:
            raise ValueError(f"{model}: its data file {location} has the name of something that a build writes; give it another name")
    copy_model(model, folder / ORIGINAL)


def hold_to_original(folder: Path, x: np.ndarray) -> dict:
    """Hold what was imported to the file on x, float32 [N, features] (as many as are affordable), all input levels and corners; the
    facts for the summary. Of a build that takes words of fixed point these too. Writes LEVELS."""
    held = Held.load(folder)
    stimulus = held.levels()
    words = stimulus.x[:0] if held.input_fixed is None else held.words()
    (folder / LEVELS).parent.mkdir(exist_ok=True)
    kept = {"x": stimulus.x} if held.input_fixed is None else {"x": word_inputs(held.imported, held.input_fixed, RTL_WORDS), "words": words}
    np.savez_compressed(folder / LEVELS, **kept)
    compared = held.compare(np.concatenate([stimulus.x, words, x[: held.original.affordable(len(x))]]))
    told = {} if held.input_fixed is None else {"words": len(words)}
    return {**told, "sha256": compared.sha256, "executor": compared.executor, "samples": compared.samples, "levels": stimulus.levels,
            "corners": stimulus.corners, "batched": compared.batched, "borderline": compared.borderline, "mismatches": compared.mismatches}
