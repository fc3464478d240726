"""What one training is: read from `models/<name>/train.yaml`, or from one cell of a study's grid."""

from __future__ import annotations

import difflib
import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from models.objective import TASKS
from models.pruning.schedule import PUBLISHED, check_schedule
from models.values import typed
from models.yaml_file import read_yaml

BATCH_NORMS = ("none", "on", "no_affine", "no_running_statistics", "folded")
SALIENCIES = ("magnitude", "fisher", "random")
METHODS = ("none", "qap", "dpp", "widths")
GRANULARITIES = ("weights", "blocks", "neurons", "digits")
WIDEST, DEEPEST = 8192, 100
"""Neurons of a layer, as many as can be built, and hidden layers."""


@dataclass(frozen=True)
class TrainConfig:
    """One training. Lists by layer may be given as one number for all layers.

    `models/fields.py` says of each field what it is; here is how they belong together.

    Data: `dataset` is a name or a path; `label` the column of the classes in a table of your own; the columns `drop` are left out.
    `task` is one of classes, binary, regression, autoencoder (models/objective.py).

    Network: `hidden` widths; `weight_bits` of each layer and `activation_bits` after each hidden layer (32 is float);
    the input is quantised to `input_bits` over ±`input_sigmas` standard deviations (32: not at all); `batch_norm` is one of
    none, on, no_affine, no_running_statistics, folded (trained with it, merged into the weights before pruning). `start` is a
    checkpoint to start from, of a net with the same fields (None: random weights); `float_start` is a float model of anyone's
    (models/float_model.py) whose weights it starts from instead.

    Fitting: Adam; each pruning iteration runs at most `epochs`, ends after `patience` epochs without a better validation
    loss (0: never) and restores the best. `schedule` of the learning rate is constant or cosine. `dense_epochs` is for the
    first training, `final_epochs` for the last one (None: `epochs`). `l1` weighs the sum of |w| in the loss.
    With `average` N the mean of the net over the last N epochs of the last fit is kept where its validation loss is the best: with the
    cosine schedule, whose last epochs hardly differ, that was so in 1 or 2 of 10 fits for N of 3 to 60 of 100 epochs.
    `random_labels` is the share of training labels replaced by uniform classes. With `folds` > 1, training and validation
    parts are joined and fold number `fold` is the validation part.

    Pruning: `method` is none, qap, dpp or widths. For qap, `saliency` names one or more criteria (the best on validation is kept),
    `remaining` the shares of weights left after each iteration ("published": the paper's), `rewind` takes the weights back
    to their initial values after each pruning (the lottery ticket), and `floor` is the least number of weights of a layer.
    With `granularity` digits what is pruned are signed digits (models/pruning/digits.py): shares and floors are of the digits that the
    weights can have, (bits + 1) // 2 each.
    For dpp, `keep` is k of each row, or of each tile where `tile` (inputs of a tile) is given, by layer; `granularity` is
    weights, blocks (`block` neighbouring inputs are one kernel), neurons, or digits: the weights of a row have exactly k nonzero signed
    digits together, k - 1 adders in hardware; `neurons` picks so many whole neurons of each
    hidden layer beside the weights, equally many of each tile that the next layer reads (0: all have weights); the temperature
    falls linearly from `temperature_start` to `temperature_end`; `entropy_penalty` is mu; the masks' logits have a
    `logit_learning_rate` of their own; after `epochs` the masks are frozen and `final_epochs` fine-tune.
    For widths (models/widths), every weight, feature and neuron has bits of its own, learned under a price for LUTs that rises from
    `first_price` to `last_price` (nats of cross-entropy for a LUT) in `walk_steps` batches of 1,024: one walk leads from random weights to
    a network of `least_area` LUTs (the training's own sum for an unrolled core) or its last step. The learning rate falls to zero `rests`
    times on the way, and each is a network of the front. From the last one, annealing (models/widths/anneal.py) leads to `annealed` more,
    by so many `trials` each, at prices from `first_annealed_price` to `last_annealed_price` (0 networks: none). Soft labels are the mean
    of `teachers` float nets of `teacher_epochs` and, with `trees`, a quarter of boosted trees, none of which has seen the sample, and
    `label_share` of the labels themselves. The smallest of the front with at least `goal` on
    validation is kept, without `goal` the best on validation. The other fields of fitting, and the bits, are not read.
    """

    dataset: str = "qapjets"
    label: str | None = None
    drop: tuple[str, ...] = ()
    task: str = "classes"
    seed: int = 1
    hidden: tuple[int, ...] = (64, 32, 32)
    weight_bits: int | tuple[int, ...] = 6
    activation_bits: int | tuple[int, ...] = 6
    input_bits: int = 8
    input_sigmas: float = 4.0
    activation_max: float = 4.0
    batch_norm: str = "folded"
    start: str | None = None
    float_start: str | None = None

    learning_rate: float = 1e-3
    final_learning_rate: float | None = None
    schedule: str = "constant"
    batch_size: int = 1024
    epochs: int = 50
    dense_epochs: int | None = None
    final_epochs: int | None = None
    patience: int = 10
    average: int = 0
    l1: float = 0.0
    random_labels: float = 0.0
    folds: int = 1
    fold: int = 0

    method: str = "qap"
    saliency: tuple[str, ...] = ("magnitude",)
    remaining: tuple[float, ...] = PUBLISHED
    rewind: bool = False
    floor: int | tuple[int, ...] = 0

    keep: int | tuple[int, ...] = 4
    neurons: int | tuple[int, ...] = 0
    tile: int | tuple[int, ...] = 0
    granularity: str = "weights"
    block: int = 1
    temperature_start: float = 5.0
    temperature_end: float = 0.5
    entropy_penalty: float = 5e-5
    logit_learning_rate: float = 0.05

    least_area: float = 250.0
    goal: float | None = None
    walk_steps: int = 40000
    rests: int = 25
    first_price: float = 6e-6
    last_price: float = 2e-4
    annealed: int = 0
    first_annealed_price: float = 8e-6
    last_annealed_price: float = 1.5e-4
    trials: int = 500000
    teachers: int = 4
    teacher_epochs: int = 30
    trees: bool = True
    label_share: float = 0.2

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
        if isinstance(self.saliency, str):
            object.__setattr__(self, "saliency", (self.saliency,))
        if self.remaining == "published":
            object.__setattr__(self, "remaining", PUBLISHED)
        self._check()

    def _check(self) -> None:
        for name, allowed in (
            ("batch_norm", BATCH_NORMS), ("schedule", ("constant", "cosine")), ("method", METHODS),
            ("granularity", GRANULARITIES), ("task", TASKS),
        ):
            _one_of(name, getattr(self, name), allowed)
        if self.start and self.float_start:
            raise ValueError("start and float_start exclude each other")
        if self.random_labels and self.task not in ("classes", "binary"):
            raise ValueError(f"random_labels ({self.random_labels}) is for classes, the task is {self.task}")
        if not self.saliency:
            raise ValueError(f"saliency: name at least one of {', '.join(SALIENCIES)}")
        for saliency in self.saliency:
            _one_of("saliency", saliency, SALIENCIES)
        check_schedule(self.remaining)
        for name in ("epochs", "batch_size", "folds", "block"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} ({getattr(self, name)}) must be a whole number of at least 1")
        for name in ("learning_rate", "final_learning_rate", "activation_max", "input_sigmas"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise ValueError(f"{name} ({getattr(self, name)}) must be above zero")
        for name in ("patience", "average", "l1", "seed"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} ({getattr(self, name)}) must be at least 0")
        if not all(isinstance(width, int) and 0 < width <= WIDEST for width in self.hidden) or len(self.hidden) > DEEPEST:
            raise ValueError(f"hidden ({list(self.hidden)}) must be a list of up to {DEEPEST} positive widths of up to {WIDEST:,}")
        for name, low in (("weight_bits", 2), ("activation_bits", 1), ("input_bits", 2)):
            values = getattr(self, name)
            for bits in values if isinstance(values, tuple) else (values,):
                if not isinstance(bits, int) or not (low <= bits <= 16 or bits == 32):
                    raise ValueError(f"{name} ({bits}) must be {low} to 16, or 32 for float")
        self._check_granularity()
        self._check_widths()
        if not 0 <= self.random_labels <= 1:
            raise ValueError(f"random_labels ({self.random_labels}) must be a share between 0 and 1")
        if not 0 <= self.fold < self.folds:
            raise ValueError(f"fold ({self.fold}) must be 0 to {self.folds - 1} with folds: {self.folds}")
        if not 0 < self.temperature_end <= self.temperature_start:
            raise ValueError(f"temperature_end ({self.temperature_end}) must be above 0 and at most temperature_start "
                             f"({self.temperature_start})")
        for name in ("weight_bits", "floor", "keep", "tile"):
            self.by_layer(name)
        for name in ("activation_bits", "neurons"):
            self.by_layer(name, len(self.hidden))

    def _check_granularity(self) -> None:
        if self.method == "qap" and self.granularity not in ("weights", "digits"):
            raise ValueError(f"granularity ({self.granularity}) is of method dpp; qap prunes weights or digits")
        if self.method in ("qap", "dpp") and self.granularity == "digits" and 32 in self.by_layer("weight_bits"):
            raise ValueError("granularity digits needs weight_bits of 2 to 16 in every layer; float weights (32) have no digits")

    def _check_widths(self) -> None:
        for name in ("walk_steps", "rests", "teacher_epochs", "trials"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} ({getattr(self, name)}) must be at least 1")
        if self.rests > self.walk_steps:
            raise ValueError(f"rests ({self.rests}) must be at most walk_steps ({self.walk_steps})")
        if self.least_area <= 0:
            raise ValueError(f"least_area ({self.least_area}) must be above 0")
        for first, last in (("first_price", "last_price"), ("first_annealed_price", "last_annealed_price")):
            if not 0 < getattr(self, first) <= getattr(self, last):
                raise ValueError(f"{first} ({getattr(self, first)}) must be above 0 and at most {last} ({getattr(self, last)})")
        if self.annealed < 0:
            raise ValueError(f"annealed ({self.annealed}) must be at least 0")
        if not 0 <= self.label_share <= 1 or self.teachers < 0:
            raise ValueError(f"label_share ({self.label_share}) must be a share between 0 and 1, teachers ({self.teachers}) at least 0")
        if self.method == "widths" and (self.task != "classes" or not self.hidden or self.start or self.float_start):
            raise ValueError("method widths is for classes, with hidden layers, and starts from random weights")

    @property
    def layers(self) -> int:
        return len(self.hidden) + 1

    def by_layer(self, name: str, count: int | None = None) -> tuple:
        """The value of field `name` for each layer; ValueError where a list has another length than the network."""
        value, count = getattr(self, name), self.layers if count is None else count
        if not isinstance(value, tuple):
            return (value,) * count
        if len(value) != count:
            raise ValueError(f"{name} ({list(value)}) has {len(value)} entries, the network needs {count}")
        return value

    @property
    def sha256(self) -> str:
        """Hash of every field that is not at its default, so that it outlives new fields: two trainings with the same hash,
        data and versions are the same training."""
        default = TrainConfig()
        changed = {key: value for key, value in asdict(self).items() if value != getattr(default, key)}
        return hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()

    def with_fields(self, **values) -> TrainConfig:
        """A copy with some fields changed; an unknown name raises ValueError with the nearest known one."""
        check_names("training", values, [field.name for field in fields(self)])
        kinds = {field.name: field.type for field in fields(self)}
        return replace(self, **{name: typed(name, kinds[name], value) for name, value in values.items()})


def read_config(path: Path | str) -> TrainConfig:
    """The training that a YAML file describes. ValueError names the file and the field that is wrong."""
    path = Path(path)
    try:
        content = read_yaml(path) or {}
        if not isinstance(content, dict):
            raise ValueError("a training is a mapping of fields to values")
        return TrainConfig().with_fields(**content)
    except (TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise ValueError(about(path, fault)) from fault


def about(path: Path, fault: Exception) -> str:
    """What is wrong, with the file's name once."""
    return str(fault) if str(fault).startswith(f"{path}: ") else f"{path}: {fault}"


def check_names(what: str, given, known: list[str]) -> None:
    """ValueError for the first of `given` that is not in `known`, with the nearest known name."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known: {', '.join(known)}"
            raise ValueError(f"{what} has no field '{name}'{hint}")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        near = difflib.get_close_matches(str(value), allowed, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"{name} '{value}' is none of {', '.join(allowed)}{hint}")
