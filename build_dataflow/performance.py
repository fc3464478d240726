"""How well a build's network classifies: what report/performance.json and report/training.json keep of it for the page."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from build_dataflow.jsonfile import read_json, write_json
from models.data.samples import Samples

PERFORMANCE, TRAINING = "performance.json", "training.json"


def write_performance(folder: Path, samples: Samples, answers: dict[str, tuple[np.ndarray | None, np.ndarray]]) -> None:
    """report/performance.json: of each net its scores float [N, outputs], or None where it answers with labels alone, and its labels
    int64 [N], against the samples' own."""
    from models.metrics.curves import performance_file, performance_of, performance_of_labels  # scikit-learn takes a second to import

    def told(scores: np.ndarray | None, labels: np.ndarray) -> dict:
        by_labels = performance_of_labels(labels, samples.y, samples.classes)
        return by_labels if scores is None else {**performance_of(scores, samples.y, samples.classes), **by_labels}

    nets = {name: told(*answer) for name, answer in answers.items()}
    write_json(folder / "report" / PERFORMANCE, performance_file(nets, samples.classes, samples.source))


def keep_training(model: Path, folder: Path) -> None:
    """report/training.json: the record that training wrote beside the model, and its performance.json, where they are this model's."""
    record, performance = record_of(model, folder), performance_beside(model)
    if record or performance:
        write_json(folder / "report" / TRAINING, {"record": record, "performance": performance})


def record_of(model: Path, folder: Path) -> dict | None:
    """The record.json beside the model, if it tells of as many weights, and as many nonzero, as were imported."""
    record, imported = read_object(model.with_name("record.json")), read_json(folder / "report" / "import.json") or {}
    counts = ("weights", "nonzero_weights")
    same = all(name in imported and record.get(name) == imported[name] for name in counts)
    return record if same and isinstance(record.get("accuracy"), dict) else None


def performance_beside(model: Path) -> dict | None:
    found = read_object(model.with_name(PERFORMANCE))
    return found if found.get("model_sha256") == hashlib.sha256(model.read_bytes()).hexdigest() else None


def read_object(path: Path) -> dict:
    """The JSON object in a file that need not be ours; empty where it is none."""
    try:
        found = read_json(path)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
