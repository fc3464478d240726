"""Tables for people: mean and standard error over the repeats, from a study's table."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

Net = tuple[str, float]  # an arm and the share of weights left
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
        cells = []
        for share in shares:
            near = chosen(table, arm, share)[metric].dropna()
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


def difference(table: pd.DataFrame, one: Net, other: Net, metric: str) -> str:
    """`−0.0007 ± 0.0013`: the `metric` of (arm, share of weights left) `one` minus that of `other`, repeat by repeat (same seed
    and fold), with the standard error of the mean."""
    values = [chosen(table, *net).set_index(["seed", "fold"])[metric] for net in (one, other)]
    found = (values[0] - values[1]).dropna()
    if found.empty:
        raise ValueError(f"{one} and {other} have no repeat in common")
    return f"{found.mean():+.4f} ± {found.std() / np.sqrt(len(found)):.4f}".replace("-", "−")


def chosen(table: pd.DataFrame, arm: str, share: float) -> pd.DataFrame:
    """The nets of `arm` with about that share of their weights left."""
    frame = table[table.arm == arm]
    return frame[np.isclose(frame.kept / frame.weights, share, rtol=0.06)]


def difference_table(table: pd.DataFrame, pairs: dict[str, tuple[Net, Net]], metrics: dict[str, str]) -> str:
    """Markdown: a row for each of `pairs` (heading -> two nets as `difference` takes them), a column for each metric."""
    lines = ["| difference | " + " | ".join(metrics.values()) + " |", "|" + "---|" * (len(metrics) + 1)]
    for name, pair in pairs.items():
        lines.append(f"| {name} | " + " | ".join(difference(table, *pair, metric) for metric in metrics) + " |")
    return "\n".join(lines)


CLAIM = "claim: 6 bits, 80 % pruned"
WIDTHS = [f"width {bits} bits" for bits in (32, 12, 6, 4)]
METHODS = ["width 6 bits", "fisher", "dpp"]
ABLATIONS = ["lottery ticket", "no L1", "no BN", *(f"random labels {share} %" for share in (50, 75, 90)), "random"]
METHOD_SHARES = (0.2, 0.1, 0.056, 0.033, 0.02)
SCORES = {"accuracy": "test accuracy", "auc": "AUC"}
CLAIM_COLUMNS = {"kept": "weights", "nonzeros": "nonzeros", "bops": "BOPs"} | SCORES | {"background_t": "background of t"}
SEARCH_COLUMNS = {"hidden": "hidden widths", "weights": "weights", "nonzeros": "nonzeros", "bops": "BOPs"} | SCORES


def results_tables(table: pd.DataFrame) -> dict[str, str]:
    """The tables of docs/results.md, by name, from the table of study `qap`."""
    table = with_dpp_as_one(table)
    arms = WIDTHS + METHODS[1:] + ABLATIONS
    dense, claims = ("claim: 32 bits, dense", 1.0), [(CLAIM, 0.2), (f"{CLAIM}, input of 8 bits", 0.2)]
    short = [(WIDTHS[0], 1.0), ("width 6 bits", 0.2)]
    twins = [("Fisher − magnitude", "fisher", "width 6 bits"), ("DPP − magnitude", "dpp", "width 6 bits"),
             ("DPP − Fisher", "dpp", "fisher")]
    searched = table.arm.str.startswith("best of search")
    return {
        "claim": net_table(pd.concat([chosen(table, *net) for net in (dense, *claims, *short)]), CLAIM_COLUMNS),
        "claim, differences": difference_table(table, {
            f"{net[0]} − {to[0]}": (net, to) for net in claims for to in (dense, short[0])}, SCORES),
        "accuracy": level_table(table, arms, "accuracy"),
        "auc": level_table(table, arms, "auc"),
        "widths, differences": difference_table(table, {
            f"{arm} − 32 bits, {share:.1%} left": ((arm, share), (WIDTHS[0], share)) for arm in WIDTHS[1:] for share in (1.0, 0.2)
        }, SCORES),
        "methods, differences": difference_table(table, {
            f"{name}, {share:.1%} left": ((arm, share), (other, share)) for name, arm, other in twins for share in METHOD_SHARES
        }, SCORES),
        "nonzeros": level_table(table, METHODS, "nonzeros"),
        "adders": level_table(table, METHODS, "adders"),
        "ablations, differences": difference_table(table, {
            f"{arm} − width 6 bits, {share:.1%} left": ((arm, share), ("width 6 bits", share))
            for arm in ABLATIONS for share in (1.0, 0.2, 0.056)
        }, SCORES),
        "background of t": level_table(table, WIDTHS, "background_t"),
        "bops": level_table(table, WIDTHS, "bops"),
        "search": net_table(pd.concat([table[table.arm == "search"].nsmallest(1, "validation_loss"), table[searched]]),
                            SEARCH_COLUMNS),
        "neural efficiency": level_table(table, WIDTHS, "neural_efficiency"),
    }


def main() -> None:
    """Print every table of the page: python -m models.study.summary docs/results/qap.csv"""
    for name, text in results_tables(pd.read_csv(Path(sys.argv[1]))).items():
        print(f"{name}\n\n{text}\n")


if __name__ == "__main__":
    main()
