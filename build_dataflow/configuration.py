"""What one build is asked to do: build.yaml, the command line's options over it, and their checks."""

from __future__ import annotations

import difflib
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from finn_steps.accelerator.fixed_point import FixedInput
from finn_steps.folding.devices import family_of
from finn_steps.importer.input_quant import InputQuant
from models.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parent.parent
BUILDS = Path(__file__).resolve().parent
RATES_AND_BUDGETS = {"target_ii", "target_fps", "lut_budget", "dsp_budget", "bram_budget"}
TIMES = {"target_fps", "max_latency_ns"}
MOST = 1e15
"""Of any number: below what floats hold exactly."""
LISTS = ("drop", "clock_range")
KINDS = {
    **dict.fromkeys(("name", "model", "data", "label", "part", "folding", "last_layer", "families", "keras",
                     "interface", "input_fixed"), ((str,), "a text")),
    "input_quant": ((str, int), "a text such as 8,0.03125"),
    "drop": ((str,), "a list of columns' names"),
    **dict.fromkeys(("clock_ns", "target_fps", "max_latency_ns", "synthesis_timeout"), ((int, float), "a number")),
    "clock_range": ((int, float), "a list of two numbers"),
    **dict.fromkeys(("all_rows", "synthesis", "proof", "require_proof"), ((bool,), "true or false")),
    None: ((int,), "a whole number"),
}
"""What a field takes in a file, and in words."""
ANY_CLOCK_NS = (0.0, 20.0)
"""Periods that are searched where a time is asked for and no clock."""


@dataclass(frozen=True)
class BuildOptions:
    """One build. Times in ns, rates in inferences per second, `target_ii` in cycles between two inferences.

    clock_range      (least, greatest) period to choose `clock_ns` from; None: it is given
    registers_every  adders between registers, where the search has chosen them; None: as many as the clock holds
    keras            the Keras file that `model` was made of
    drop, all_rows   columns of the data to leave out, and whether all of its rows are samples
    """

    name: str
    model: Path
    data: str | None = None
    label: str | None = None
    drop: tuple[str, ...] = ()
    all_rows: bool = False
    part: str = "xc7z020clg400-1"
    clock_ns: float = 5.0
    clock_range: tuple[float, float] | None = None
    registers_every: int | None = None
    target_ii: int | None = None
    target_fps: float | None = None
    lut_budget: int | None = None
    dsp_budget: int | None = None
    bram_budget: int | None = None
    max_latency_ns: float | None = None
    folding: Path | None = None
    last_layer: str | None = None
    interface: str = "stream"
    input_quant: InputQuant | None = None
    input_fixed: FixedInput | None = None
    samples: int = 2000
    seed: int = 0
    synthesis: bool = True
    families: str = "auto"
    synthesis_timeout: float = 1800.0
    proof: bool = True
    require_proof: bool = False
    keras: Path | None = None

    def __post_init__(self):
        if not isinstance(self.name, str) or not re.fullmatch(r"[^/\x00-\x1f\x7f]{1,200}", self.name) or self.name in (".", ".."):
            raise ValueError(f"name ({str(self.name)[:220]!r}) must be a text of up to 200 characters without a slash: it names the build's "
                             "folder")
        for field in ("clock_ns", "target_ii", "target_fps", "max_latency_ns", "samples", "synthesis_timeout"):
            value = getattr(self, field)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0):
                raise ValueError(f"{self.name}: {field} ({value}) must be a number above zero")
        for field in ("lut_budget", "dsp_budget", "bram_budget"):
            value = getattr(self, field)
            if value is not None and (not isinstance(value, int) or value < 0):
                raise ValueError(f"{self.name}: {field} ({value}) must be a whole number of at least 0")
        if self.last_layer not in (None, "raw", "label", "fixed"):
            raise ValueError(f"{self.name}: last_layer ({self.last_layer}) must be raw, label or fixed")
        if self.interface not in ("stream", "valid"):
            raise ValueError(f"{self.name}: interface ({self.interface}) must be stream or valid")
        if self.families not in ("auto", "all", "part"):
            raise ValueError(f"{self.name}: families ({self.families}) must be auto, all or part")
        if self.require_proof and not self.proof:
            raise ValueError(f"{self.name}: require_proof without proof: take one of --no-proof and --require-proof")
        if not Path(self.model).is_file():
            raise FileNotFoundError(f"{self.model}: no such model")
        family_of(self.part)

    @property
    def target_ii_cycles(self) -> int | None:
        """The II wanted, from target_ii or target_fps at the clock; None without either. ValueError for a rate above the clock."""
        if self.target_fps is None:
            return self.target_ii
        cycles = int(1e9 / (self.target_fps * self.clock_ns))
        if cycles < 1:
            raise ValueError(f"{self.name}: target_fps {self.target_fps:g} is above one inference a cycle; "
                             f"at {self.clock_ns:g} ns the most is {1e9 / self.clock_ns:.4g}")
        return min(cycles, self.target_ii or cycles)

    def as_json(self) -> dict:
        kinds = {Path: str, tuple: list}
        told = {**asdict(self), "input_fixed": None if self.input_fixed is None else str(self.input_fixed)}
        return {key: next((to(value) for kind, to in kinds.items() if isinstance(value, kind)), value) for key, value in told.items()}


def known_builds() -> list[str]:
    """Names that `build NAME` takes: the folders with a build.yaml."""
    return sorted(path.parent.name for path in BUILDS.glob("*/build.yaml"))


def read_options(target: str, overrides: dict) -> BuildOptions:
    """Options for a build's name, a build.yaml, a model.onnx or a model.keras; `overrides` that are not None win over the file, and a rate or a budget
    among them over the file's rate."""
    overrides = {key: value for key, value in overrides.items() if value not in (None, ())}
    if isinstance(overrides.get("clock_ns"), tuple):
        overrides["clock_range"] = overrides.pop("clock_ns")
    elif TIMES & set(overrides) and "clock_ns" not in overrides:
        overrides["clock_range"] = ANY_CLOCK_NS
    path = Path(target)
    if path.suffix in (".onnx", ".keras"):
        return _options({"name": path.stem, "model": path, **overrides})
    if path.suffix not in (".yaml", ".yml"):
        if target not in known_builds():
            raise ValueError(unknown_build(target))
        path = BUILDS / target / "build.yaml"
    if RATES_AND_BUDGETS & set(overrides):
        overrides = {"target_ii": None, "target_fps": None, **overrides}
    given = _from_yaml(path)
    return _options({**given, **overrides})


def _options(fields: dict) -> BuildOptions:
    return BuildOptions(**_with_input_fixed(_with_input_quant(_from_keras(fields))))


def unknown_build(target: str) -> str:
    near = difflib.get_close_matches(target, known_builds(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known builds: {', '.join(known_builds())}"
    return f"'{target}' is no known build, model.onnx, model.keras or build.yaml; {hint}"


def _from_keras(fields: dict) -> dict:
    """With the QONNX file that a Keras file becomes."""
    path = Path(fields["model"])
    if path.suffix != ".keras":
        return fields
    from finn_steps.hgq2.convert import converted

    return {**fields, "model": converted(path), "keras": path}


def _with_input_quant(fields: dict) -> dict:
    """`input_quant` read from its text; `auto` is taken from the training part of the data."""
    text = fields.get("input_quant")
    if text is None:
        return fields
    if text != "auto":
        return {**fields, "input_quant": InputQuant.parse(str(text))}
    if fields.get("data") is None:
        raise ValueError("--input-quant auto takes the range from the data: give --data, or BITS,SCALE such as 8,0.03125")
    return {**fields, "input_quant": InputQuant.from_data(_training_inputs(fields))}


def _with_input_fixed(fields: dict) -> dict:
    """`input_fixed` read from its text; `W,auto` is taken from the training part of the data."""
    text = fields.get("input_fixed")
    if text is None:
        return fields
    bits, _, rest = text.partition(",")
    if rest.strip() != "auto" or not bits.strip().isdecimal():
        return {**fields, "input_fixed": FixedInput.parse(text)}
    if fields.get("data") is None:
        raise ValueError(f"--input-fixed {text} takes the ranges from the data: give --data, or W,I such as 16,6")
    return {**fields, "input_fixed": FixedInput.from_data(_training_inputs(fields), int(bits))}


def _training_inputs(fields: dict) -> np.ndarray:
    from models.data import load_dataset

    return load_dataset(fields["data"], fields.get("label"), tuple(fields.get("drop") or ())).train.x


def _is_of_kind(value, key: str) -> bool:
    """Whether a value out of a file can stand for the field; None is for those that have it as their default."""
    if value is None:
        return next(field.default for field in fields(BuildOptions) if field.name == key) is None
    kinds, _ = KINDS.get(key, KINDS[None])
    if (key in LISTS) != isinstance(value, list) or key == "clock_range" and len(value) != 2:
        return False
    values = value if isinstance(value, list) else [value]
    numbers = [entry for entry in values if isinstance(entry, (int, float))]
    return all(isinstance(entry, kinds) and isinstance(entry, bool) == (kinds == (bool,)) for entry in values) and \
        all(abs(number) < MOST for number in numbers)


def _from_yaml(path: Path) -> dict:
    content = read_yaml(path)
    if not isinstance(content, dict) or "model" not in content:
        raise ValueError(f"{path}: a build needs at least `model: path/to/model.onnx`")
    allowed = {field.name for field in fields(BuildOptions)}
    for key in content:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f", did you mean '{near[0]}'?" if near else f"; known: {', '.join(sorted(allowed))}"
            raise ValueError(f"{path}: unknown field '{key}'{hint}")
        if not _is_of_kind(content[key], key):
            raise ValueError(f"{path}: {key} ({str(content[key])[:100]}) must be {KINDS.get(key, KINDS[None])[1]}")
    for key in ("model", "folding"):
        if content.get(key) is not None:
            content[key] = (path.parent / content[key]).resolve()
    return {"name": path.parent.name if path.name == "build.yaml" else path.stem, **content}
