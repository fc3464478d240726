"""In which cycles each layer works on a frame: measured once in the Verilated RTL, and kept in report/schedule.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from build_dataflow.jsonfile import read_json, write_json
from finn_steps.accelerator import Accelerator

FRAMES = 16
MOST_BYTES = 1_500_000
"""Of SystemVerilog: more takes minutes to compile a second time, and is watched only where it is asked for."""
SHOWN = 8
"""Frames behind each other, at the most."""


def schedule_of(folder: Path, asked: bool | None, say: Callable[[str], None]) -> dict:
    """What report/schedule.json says, measured now if it is not there: `frames`, `latency_cycles`, and `works`, of each layer and of what
    joins layers the `first` and the `last` cycle, 0 being that in which the frame's first beat is taken. `{"unknown": why}` otherwise.

    asked  None: measured where the design is small; True: whatever its size; False: never
    """
    path = folder / "report" / "schedule.json"
    found = read_json(path)
    if found:
        return found
    size = sum((folder / "rtl" / name).stat().st_size for name in (folder / "rtl" / "filelist.f").read_text().split())
    if asked is False:
        return {"unknown": "It was not measured (--no-schedule)."}
    if asked is None and size > MOST_BYTES:
        return {"unknown": f"It was not measured: {size / 1e6:.1f} MB of RTL take long to simulate with every signal watched; "
                           "`report NAME --schedule` does."}
    say("simulating the RTL with every signal watched, for the schedule (once for a build)")
    try:
        found = measured(folder)
    except RuntimeError as fault:
        return {"unknown": f"It could not be measured: {fault}."}
    write_json(path, found)
    return found


def measured(folder: Path) -> dict:
    from finn_steps.rtlsim.activity import activity

    accelerator = Accelerator.load(folder)
    with np.load(folder / "verification_output" / "vectors.npz", allow_pickle=False) as vectors:
        seen = activity(folder / "rtl", accelerator.quantise(vectors["x"][:FRAMES]))
    return {"frames": seen.frames, "latency_cycles": seen.latency_cycles, "works": [asdict(work) for work in seen.works]}


def stages(schedule: dict, layers: list[str]) -> list[dict]:
    """The works with `layer`: whether it is one of the layers, or joins some; and `cycles`, how many it takes."""
    return [{**work, "layer": work["name"] in layers, "cycles": work["last"] - work["first"] + 1} for work in schedule.get("works", [])]


def shown_frames(latency: int, ii: float) -> int:
    """So many that the first has left before the last has gone far, if they are not too many."""
    return max(2, min(SHOWN, int(latency / ii) + 2))
