"""Where the generator's time goes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from models.data.generator.clustering import groom, leading_jets
from models.data.generator.detector import detect
from models.data.generator.events import EventSource
from models.data.generator.features import jet_features
from models.data.generator.names import CLASSES

STAGES = ("Pythia events", "detector", "anti-kT clustering", "mMDT grooming", "correlators and the rest", "Pythia start-up")


@dataclass(frozen=True)
class Profile:
    """`milliseconds[class][stage]`: CPU time for each kept jet; the start-up is shared among the jets of a full chunk."""

    milliseconds: dict[str, dict[str, float]]

    @property
    def jets_per_second(self) -> float:
        """Jets for each second of one core, with as many of each class."""
        total = sum(sum(stages.values()) for stages in self.milliseconds.values())
        return 1000.0 * len(self.milliseconds) / total


def profile(jets: int, chunk: int, seed: int = 1) -> Profile:
    """Time the stages on about `jets` jets of each class, in this process; `chunk` is the number of jets that share a start-up."""
    return Profile({jet_class: _stages(jet_class, jets, chunk, seed) for jet_class in CLASSES})


def _stages(jet_class: str, jets: int, chunk: int, seed: int) -> dict[str, float]:
    clock = _Clock()
    source = clock("Pythia start-up", EventSource, jet_class, np.random.SeedSequence(seed))
    particles = clock("Pythia events", source.take, jets)
    candidates = clock("detector", detect, particles, np.random.default_rng(seed))
    found = clock("anti-kT clustering", leading_jets, candidates)
    groomed = clock("mMDT grooming", groom, found)
    rows = clock("correlators and the rest", jet_features, found, groomed)
    kept = {stage: chunk if stage == "Pythia start-up" else len(rows) for stage in STAGES}
    return {stage: 1000.0 * clock.seconds[stage] / kept[stage] for stage in STAGES}


class _Clock:
    """Calls a function and keeps the CPU time it took under a name."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, function, *arguments):
        started = time.process_time()
        result = function(*arguments)
        self.seconds[name] = time.process_time() - started
        return result
