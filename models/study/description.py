"""What a study is: a YAML of trainings to run, expanded here."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path

from models.configuration import TrainConfig, about, check_names
from models.yaml_file import read_yaml

KNOWN = ("title", "base", "arms", "grid", "repeat", "together", "search")
SEARCH_KNOWN = ("trials", "parallel", "seed", "hidden", "fields", "retrain", "bops", "objective")
MOST_RUNS = 10_000
OBJECTIVES = ("validation_loss", "validation_accuracy")


@dataclass(frozen=True)
class Run:
    """One training of a study: the arm it belongs to, its configuration, and the folder into which its networks go (None: nowhere)."""

    arm: str
    config: TrainConfig
    models: str | None = None

    @property
    def id(self) -> str:
        """Names the run's file; the same training has the same id in every start of the study."""
        return self.config.sha256[:16]


@dataclass(frozen=True)
class Search:
    """Bayesian optimisation of the hidden widths: `hidden` holds a (least, greatest) pair for each hidden layer. `parallel`
    trials are proposed at a time, whatever the number of workers, so the result does not depend on it. The best by
    `objective` is trained again once for each repeat, and so is the best within each limit of `bops` (bit operations).
    `fields` are changed in all of these trainings, `retrain` in the last."""

    trials: int
    hidden: tuple[tuple[int, int], ...]
    parallel: int = 1
    seed: int = 0
    fields: tuple[tuple[str, object], ...] = ()
    retrain: tuple[tuple[str, object], ...] = ()
    bops: tuple[float, ...] = ()
    objective: str = "validation_loss"


@dataclass(frozen=True)
class Study:
    """A title and its trainings: `runs` are known from the start, a search adds more as it goes. At most `together` repeats of
    one training are trained as one (drivers.together); 1: each alone."""

    title: str
    runs: tuple[Run, ...]
    search: Search | None = None
    base: TrainConfig = TrainConfig()
    repeat: tuple[tuple[tuple[str, object], ...], ...] = ((),)
    together: int = 4

    def batches(self, runs: Sequence[Run]) -> list[tuple[Run, ...]]:
        """`runs`, whole sets of repeats one after the other, cut into what is trained as one: the same cut in every start."""
        sets = [runs[i : i + len(self.repeat)] for i in range(0, len(runs), len(self.repeat))]
        return [tuple(held[i : i + self.together]) for held in sets for i in range(0, len(held), self.together)]


def read_study(path: Path | str) -> Study:
    """Read and expand a study. ValueError names the file and what is wrong in it, with the nearest known name.

    `base`: fields of every training. `arms`: named sets of fields (optional). `grid`: fields with lists of values, every
    combination of which is run. `repeat`: sets of fields that change together, such as seed and fold. Runs are
    arms x grid x repeat. `together`: see Study.
    """
    path = Path(path)
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise ValueError("a study is a mapping")
        check_names("study", content, list(KNOWN))
        return expand(content, path.stem)
    except (TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise ValueError(about(path, fault)) from fault


def expand(content: dict, name: str) -> Study:
    base = TrainConfig().with_fields(**content.get("base") or {})
    arms = content.get("arms") or {name: {}}
    grid = content.get("grid") or {}
    repeat = content.get("repeat") or [{}]
    check_names("grid", grid, [field.name for field in fields(TrainConfig)])
    for field, values in grid.items():
        if not isinstance(values, list) or not values:
            raise ValueError(f"grid: {field} needs a list of values")
    if (count := prod(map(len, (arms, repeat, *grid.values())))) > MOST_RUNS:
        raise ValueError(f"arms x grid x repeat are {count:,} trainings; supported: up to {MOST_RUNS:,}")
    search = read_search(content["search"]) if "search" in content else None
    runs = [] if search and "arms" not in content else [
        Run(arm, base.with_fields(**{**(arm_fields or {}), **dict(zip(grid, values)), **together}))
        for arm, arm_fields in arms.items()
        for values in itertools.product(*grid.values())
        for together in repeat
    ]
    unique = {}
    for run in runs:
        if run.id in unique:
            raise ValueError(f"arms '{unique[run.id].arm}' and '{run.arm}' describe the same training")
        unique[run.id] = run
    together = positive("together", content.get("together", Study.together))
    return Study(content.get("title", name), tuple(runs), search, base, tuple(tuple(t.items()) for t in repeat), together)


def read_search(content: dict) -> Search:
    check_names("search", content, list(SEARCH_KNOWN))
    hidden = content.get("hidden")
    if not isinstance(hidden, list) or not all(isinstance(p, list) and len(p) == 2 and 0 < p[0] <= p[1] for p in hidden):
        raise ValueError(f"search: hidden ({hidden}) needs a [least, greatest] pair for each hidden layer")
    trials, parallel = content.get("trials", 20), content.get("parallel", 1)
    for key, value in (("trials", trials), ("parallel", parallel)):
        positive(f"search: {key}", value)
    objective = content.get("objective", OBJECTIVES[0])
    check_names("search objective", [objective], list(OBJECTIVES))
    changed = [tuple((content.get(key) or {}).items()) for key in ("fields", "retrain")]
    return Search(trials, tuple(map(tuple, hidden)), parallel, content.get("seed", 0), *changed,
                  tuple(content.get("bops", ())), objective)


def positive(name: str, value) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} ({value}) must be a whole number of at least 1")
    return value
