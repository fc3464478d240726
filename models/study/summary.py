"""Tables for people: mean and standard error over the repeats, from a study's table."""

from __future__ import annotations

import numpy as np
import pandas as pd

SHARES = (1.0, 0.5, 0.2, 0.1, 0.056, 0.033, 0.02, 0.011)


def with_dpp_as_one(table: pd.DataFrame) -> pd.DataFrame:
    """The arms `dpp <share> %`, one training for each share, as one arm `dpp`."""
    table = table.copy()
    table.loc[table.arm.str.startswith("dpp "), "arm"] = "dpp"
    return table


def mean_and_error(values: pd.Series) -> str:
    """`0.7123 ± 0.0011`: the standard error of the mean over the repeats; no error for one value."""
    mean = f"{values.mean():.4f}"
    return mean if len(values) < 2 else f"{mean} ± {values.std() / np.sqrt(len(values)):.4f}"


def level_table(table: pd.DataFrame, arms: list[str], metric: str, shares: tuple[float, ...] = SHARES) -> str:
    """Markdown: a row for each of `arms`, a column for each share of weights left, `metric` over the repeats; a dash where
    an arm has no net within 4 % of the share."""
    lines = ["| arm | " + " | ".join(f"{share:.1%}" for share in shares) + " |", "|" + "---|" * (len(shares) + 1)]
    for arm in arms:
        frame = table[table.arm == arm]
        cells = []
        for share in shares:
            near = frame[np.isclose(frame.kept / frame.weights, share, rtol=0.04)][metric].dropna()
            cells.append(mean_and_error(near) if len(near) else "–")
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def net_table(table: pd.DataFrame, columns: dict[str, str]) -> str:
    """Markdown: a row for each arm, one column for each entry of `columns` (column of the table -> heading)."""
    lines = ["| arm | nets | " + " | ".join(columns.values()) + " |", "|" + "---|" * (len(columns) + 2)]
    for arm, frame in table.groupby("arm", sort=False):
        cells = [f"{frame[c].mean():,.0f}" if frame[c].max() > 10 else mean_and_error(frame[c]) for c in columns]
        lines.append(f"| {arm} | {len(frame)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
