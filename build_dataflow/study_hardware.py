"""The hardware columns of a study: what each of its nets would take, by the cost model."""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from build_dataflow.budget.budget import Budget, cheapest
from build_dataflow.budget.pool import pool
from build_dataflow.jsonfile import read_json, write_json
from models.study.store import write_tables

MOST_NONZEROS = 600
"""Nets of more weights are not priced: counting one takes minutes, and nobody unrolls it."""


def add_hardware(results: list[dict], folder: Path, part: str, workers: int | None, keep: bool) -> int:
    """Give every row that names a model `lut`, `ff`, `latency_ns` and `clock_ns` (a frame every cycle, a register after every adder),
    write the tables anew, and delete the models unless they are to be kept. Returns how many rows have them."""
    rows = [row for result in results for row in result["rows"] if row.get("model") and row["nonzeros"] <= MOST_NONZEROS]
    with pool(workers) as submit:
        asked: list[tuple[dict, Future]] = [(row, submit(priced, folder, row["model"], part)) for row in rows]
        for row, found in asked:
            row |= found.result()
    if not keep:
        for path in (folder / "models").glob("*.onnx"):
            path.unlink()
        with suppress(OSError):  # no folder, or files of somebody's own in it
            (folder / "models").rmdir()
        for result in results:
            for row in result["rows"]:
                row.pop("model", None)
    write_tables(folder, results)
    return len(rows)


def priced(folder: Path, model: str, part: str) -> dict:
    """The columns of one model, kept in a file."""
    path = folder / "hardware" / f"{Path(model).stem}-{part}.json"
    if (known := read_json(path)) is None:
        cost = cheapest(folder / model, Budget(part=part))
        known = {"lut": cost.lut, "ff": cost.ff, "latency_ns": round(cost.latency_ns, 2), "clock_ns": cost.clock_ns}
        path.parent.mkdir(exist_ok=True)
        write_json(path, known)
    return known
