"""One chunk of jets of one class: the unit of work, of seeding and of resuming."""

from __future__ import annotations

import numpy as np

from models.data.generator.clustering import groom, leading_jets
from models.data.generator.detector import detect
from models.data.generator.events import EventSource
from models.data.generator.features import jet_features
from models.data.generator.names import CLASSES, FEATURES

EVENTS_AT_ONCE = 250
MAX_EMPTY_BATCHES = 20


def generate_chunk(jet_class: str, chunk: int, count: int, seed: int) -> np.ndarray:
    """float32 [count, 16]: `count` jets of chunk number `chunk`. Depends on nothing but the arguments."""
    events_seed, detector_seed = np.random.SeedSequence(seed, spawn_key=(CLASSES.index(jet_class), chunk)).spawn(2)
    source, rng = EventSource(jet_class, events_seed), np.random.default_rng(detector_seed)
    rows, missing, empty = [], count, 0
    while missing > 0:
        jets = leading_jets(detect(source.take(min(EVENTS_AT_ONCE, missing)), rng))
        found = jet_features(jets, groom(jets))
        rows.append(found)
        missing -= len(found)
        empty = 0 if len(found) else empty + 1
        if empty == MAX_EMPTY_BATCHES:
            raise RuntimeError(f"class '{jet_class}': {empty} batches of events without one jet, something is wrong")
    return np.concatenate([np.zeros((0, len(FEATURES)), np.float32), *rows])
