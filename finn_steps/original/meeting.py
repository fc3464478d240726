"""Where an accelerator's integers are in the user's file: claims that a comparison then tests."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, eq=False)
class Meeting:
    """The claim: the file's `tensor`, flattened to [N, width], is scale * stored + offset, with `stored` the accelerator's integers.

    scale, offset  float64, scalars or [width]
    raw            the tensor is a float sum of products that no quantiser has rounded: its own rounding is allowed for
    slack          float64, scalar or [width]: how far the claim may be off beyond float roundings, because the file's own levels or weights
                   lie off every grid by roundings of theirs
    """

    tensor: str
    scale: np.ndarray
    offset: np.ndarray
    raw: bool = False
    slack: np.ndarray = 0.0

    def __post_init__(self):
        for name in ("scale", "offset", "slack"):
            value = np.array(getattr(self, name), np.float64)
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def expected(self, stored: np.ndarray) -> np.ndarray:
        """int64 [N, width] -> float64 [N, width]."""
        return self.scale * stored + self.offset


def save_meetings(meetings: dict[str, Meeting], path: Path) -> None:
    """Write JSON by the names of the layers, and "input"; whole or not at all."""
    content = {name: {"tensor": m.tensor, "scale": m.scale.tolist(), "offset": m.offset.tolist(), "raw": m.raw, "slack": m.slack.tolist()}
               for name, m in meetings.items()}
    partial = Path(path).with_name(f".{Path(path).name}.partial")
    partial.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(partial, path)


def load_meetings(path: Path) -> dict[str, Meeting]:
    return {name: Meeting(**entry) for name, entry in json.loads(Path(path).read_text()).items()}
