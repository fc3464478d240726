"""A study's folder: one file for each finished training, written whole or not at all, and the table made of them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from models.configuration import TrainConfig
from models.record import write_json
from models.study.description import Run

SHOWN = ("seed", "fold", "folds", "weight_bits", "activation_bits", "batch_norm", "l1", "random_labels", "method", "rewind",
         "keep", "neurons", "tile", "granularity")


class Store:
    """Results under `folder`/runs/<run id>.json."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.runs = folder / "runs"
        self.runs.mkdir(parents=True, exist_ok=True)

    def load(self, run: Run) -> dict | None:
        """The result of `run`, or None where it has not been finished, or not kept its networks where they are wanted."""
        path = self.runs / f"{run.id}.json"
        result = json.loads(path.read_text()) if path.is_file() else None
        return None if result is not None and run.models and not result.get("models") else result

    def save(self, run: Run, result: dict) -> None:
        write_json(self.runs / f"{run.id}.json", result)


def table(results: list[dict]) -> pd.DataFrame:
    """One row for each measured net, in the order of `results`: arm, the training's fields, the metrics. No times: the same
    study gives the same table."""
    return pd.DataFrame([
        {"arm": result["arm"], **shown(result["config"]), **row} for result in results for row in result["rows"]
    ])


def mask_table(results: list[dict]) -> pd.DataFrame:
    """One row for each epoch and layer of DPP: confidence and diversity of the mask."""
    return pd.DataFrame([
        {"arm": result["arm"], **shown(result["config"]), "epoch": entry["epoch"], "layer": layer, "confidence": confidence,
         "diversity": diversity}
        for result in results for entry in result["masks"]
        for layer, (confidence, diversity) in enumerate(zip(entry["confidence"], entry["diversity"]))
    ])


def shown(config: dict) -> dict:
    """The fields of a training that tell the runs of a study apart; lists by layer as text. A result that is older than a
    field has its default."""
    values = {key: config.get(key, getattr(TrainConfig, key)) for key in SHOWN}
    return {key: "-".join(map(str, value)) if isinstance(value, (list, tuple)) else value for key, value in values.items()}


def write_tables(folder: Path, results: list[dict]) -> list[Path]:
    """Write table.parquet and table.csv, and masks.* where a run has any; returns the files."""
    written = []
    for name, frame in (("table", table(results)), ("masks", mask_table(results))):
        if len(frame):
            written += [write_frame(folder / f"{name}.parquet", frame), write_frame(folder / f"{name}.csv", frame)]
    return written


def write_frame(path: Path, frame: pd.DataFrame) -> Path:
    temporary = path.with_name(f".{path.name}.part")
    if path.suffix == ".parquet":
        frame.astype({c: "string" for c in frame.columns if frame[c].dtype == object}).to_parquet(temporary, index=False)
    else:
        frame.to_csv(temporary, index=False, lineterminator="\n")
    temporary.replace(path)
    return path
