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
    """`0.7123 ± 0.0011`: the standard error of the mean over the repeats; no error for one value or for counts."""
    if values.max() > 10:
        return f"{values.mean():,.0f}"
    mean = f"{values.mean():.4f}"
    return mean if len(values) < 2 else f"{mean} ± {values.std() / np.sqrt(len(values)):.4f}"


def level_table(table: pd.DataFrame, arms: list[str], metric: str, shares: tuple[float, ...] = SHARES) -> str:
    """Markdown: a row for each of `arms`, a column for each share of weights left, `metric` over the repeats; a dash where
    an arm has no net within 6 % of the share."""
    lines = ["| arm | " + " | ".join(f"{share:.1%}" for share in shares) + " |", "|" + "---|" * (len(shares) + 1)]
    for arm in arms:
        frame = table[table.arm == arm]
        cells = []
        for share in shares:
            near = frame[np.isclose(frame.kept / frame.weights, share, rtol=0.06)][metric].dropna()
            cells.append(mean_and_error(near) if len(near) else "–")
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def net_table(table: pd.DataFrame, columns: dict[str, str]) -> str:
    """Markdown: a row for each arm, one column for each entry of `columns` (column of the table -> heading)."""
    lines = ["| arm | nets | " + " | ".join(columns.values()) + " |", "|" + "---|" * (len(columns) + 2)]
    for arm, frame in table.groupby("arm", sort=False):
        cells = [mean_and_error(frame[c]) if c != "hidden" else ", ".join(frame.hidden.unique()) for c in columns]
        lines.append(f"| {arm} | {len(frame)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page_tables(table: pd.DataFrame) -> dict[str, str]:
    """The tables of docs/results.md, by name, from the table of the study `qap`."""
    search, pruning = table[table.arm == "search"], with_dpp_as_one(table)
    widths = [arm for bits in (32, 12, 6, 4) if (arm := f"width {bits} bits") in set(pruning.arm)]
    choices = [arm for arm in ("width 6 bits", "lottery ticket", "no L1", "no BN", "random labels 50 %", "random labels 75 %",
                               "random labels 90 %") if arm in set(pruning.arm)]
    methods = [arm for arm in ("width 6 bits", "fisher", "dpp", "random") if arm in set(pruning.arm)]
    return {
        "accuracy": level_table(pruning, widths, "accuracy"),
        "auc": level_table(pruning, widths, "auc"),
        "background of t": level_table(pruning, widths, "background_t"),
        "bops": level_table(pruning, widths, "bops"),
        "neural efficiency": level_table(pruning, widths, "neural_efficiency"),
        "choices": level_table(pruning, choices, "accuracy"),
        "methods": level_table(pruning, methods, "accuracy", METHOD_SHARES),
        "methods, adders": level_table(pruning, methods, "adders", METHOD_SHARES),
        "search": net_table(table[table.arm == "best of search"], SEARCH_COLUMNS),
        "best trial": net_table(search.nsmallest(1, "validation_loss"), SEARCH_COLUMNS),
    }


METHOD_SHARES = (0.2, 0.1, 0.056, 0.033, 0.02)
SEARCH_COLUMNS = {"hidden": "hidden widths", "weights": "weights", "bops": "BOPs", "accuracy": "test accuracy", "auc": "AUC"}
