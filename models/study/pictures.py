"""The papers' figures, drawn from a study's tables; a figure whose arms are not in the table is left out."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter  # noqa: E402

from models.study.summary import with_dpp_as_one  # noqa: E402

# Okabe and Ito's colours, told apart by colour-blind readers; markers and dashes carry the same information in grey print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
STYLE = {"font.size": 11, "legend.fontsize": 9, "axes.grid": True, "grid.alpha": 0.3, "figure.figsize": (7.0, 4.6),
         "savefig.dpi": 150}


def draw_all(folder: Path) -> list[Path]:
    """Draw what `folder`/table.csv (and masks.csv) can show into `folder`/pictures; returns the files."""
    table = with_dpp_as_one(pd.read_csv(folder / "table.csv"))
    masks = pd.read_csv(folder / "masks.csv") if (folder / "masks.csv").is_file() else pd.DataFrame()
    drawn = []
    with plt.rc_context(STYLE):
        for name, draw in (PICTURES | EVERY_STUDY).items():
            figure = draw(table, masks)
            if figure is not None:
                (folder / "pictures").mkdir(exist_ok=True)
                drawn.append(folder / "pictures" / f"{name}.png")
                figure.savefig(drawn[-1], bbox_inches="tight")
                plt.close(figure)
    return drawn


def curves(frame: pd.DataFrame, by: str, x: str, y: str, labels: dict | None = None, order: list | None = None):
    """Mean and one standard error over the repeats of `y` at each pruning level, one curve for each value of `by`."""
    figure, axis = plt.subplots()
    values = order or list(dict.fromkeys(frame[by]))
    for i, value in enumerate(values):
        levels = grouped(frame[frame[by] == value], x, y)
        look = {"color": COLOURS[i % 7], "marker": MARKERS[i % 7], "linestyle": DASHES[i % 7], "markersize": 4}
        axis.plot(levels.x, levels["mean"], label=(labels or {}).get(value, str(value)), **look)
        axis.fill_between(levels.x, levels["mean"] - levels.error, levels["mean"] + levels.error, color=COLOURS[i % 7], alpha=0.2)
    axis.legend()
    return figure, axis


def grouped(frame: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """x (mean), mean and standard error of y over the repeats of each level, in the order of x. One repeat has error 0."""
    levels = frame.dropna(subset=[y]).groupby("kept").agg(
        x=(x, "mean"), mean=(y, "mean"), spread=(y, "std"), repeats=(y, "size")).sort_values("x")
    levels["error"] = (levels.spread / np.sqrt(levels.repeats)).fillna(0.0)
    return levels


def log_axis(axis) -> None:
    """A logarithmic x axis with numbers (k: thousands, M: millions) at 1, 2 and 5 of each decade."""
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_minor_formatter(NullFormatter())


def widest_first(table: pd.DataFrame) -> list[str]:
    """The arms `width B bits` of a table, the most bits first."""
    return sorted(table.arm.unique(), key=lambda arm: -int(arm.split()[1]))


def against_bops(metric: str, label: str, title: str):
    def draw(table: pd.DataFrame, masks: pd.DataFrame):
        chosen = table[table.arm.str.startswith("width ")]
        if chosen.empty:
            return None
        arms = widest_first(chosen)
        figure, axis = curves(chosen, "arm", "bops", metric, {arm: arm.removeprefix("width ") for arm in arms}, arms)
        log_axis(axis)
        axis.set(xlabel=AXES["bops"], ylabel=label, title=title)
        if metric.startswith("background"):
            axis.set_yscale("log")
        return figure

    return draw


def compare(arms: dict[str, str], title: str, x: str = "kept", y: str = "accuracy", label: str = "test accuracy"):
    """Curves of the `arms` (name in the table -> name in the legend) against weights left."""

    def draw(table: pd.DataFrame, masks: pd.DataFrame):
        chosen = table[table.arm.isin(arms)]
        if chosen.arm.nunique() < 2:
            return None
        figure, axis = curves(chosen, "arm", x, y, arms, [arm for arm in arms if arm in set(chosen.arm)])
        log_axis(axis)
        axis.set(xlabel=AXES[x], ylabel=label, title=title)
        return figure

    return draw


AXES = {"kept": "weights left", "bops": "bit operations (BOPs)", "adders": "adders"}


def scatter(x: str, label: str, title: str):
    def draw(table: pd.DataFrame, masks: pd.DataFrame):
        chosen = table[table.arm.str.startswith("width ")].dropna(subset=[x])
        if chosen.empty:
            return None
        figure, axis = plt.subplots()
        for i, arm in enumerate(widest_first(chosen)):
            frame = chosen[chosen.arm == arm]
            axis.scatter(frame[x], frame.accuracy, s=18, color=COLOURS[i], marker=MARKERS[i], label=arm.removeprefix("width "))
        axis.legend()
        axis.set(xlabel=label, ylabel="test accuracy", title=title)
        return figure

    return draw


def search_against_pruning(table: pd.DataFrame, masks: pd.DataFrame):
    trials, best = table[table.arm == "search"], table[table.arm.str.startswith("best of search")]
    pruned = table[table.arm == "width 6 bits"]
    if trials.empty or pruned.empty:
        return None
    figure, axis = curves(pruned, "arm", "bops", "accuracy", {"width 6 bits": "pruning, 6 bits"})
    axis.scatter(trials.bops, trials.accuracy, s=18, color=COLOURS[1], marker="s", label="Bayesian optimisation: trials")
    bests = best.groupby("arm", sort=False).agg(bops=("bops", "mean"), accuracy=("accuracy", "mean"), error=("accuracy", "sem"))
    axis.errorbar(bests.bops, bests.accuracy, yerr=bests.error.fillna(0), color="black", marker="*", markersize=12,
                  linestyle="none", capsize=3, label="its best, trained in full")
    axis.set_ylim(trials.accuracy.min() - 0.01, max(table.accuracy[table.arm.isin(["search", "width 6 bits"])]) + 0.01)
    axis.legend()
    log_axis(axis)
    axis.set(xlabel=AXES["bops"], ylabel="test accuracy", title="Pruning against Bayesian optimisation of widths")
    return figure


def masks_over_epochs(table: pd.DataFrame, masks: pd.DataFrame):
    if masks.empty:
        return None
    figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.2), sharex=True)
    for axis, column in zip(axes, ("confidence", "diversity")):
        for layer, frame in masks.groupby("layer"):
            means = frame.groupby("epoch")[column].mean()
            axis.plot(means.index, means, color=COLOURS[layer % 7], linestyle=DASHES[layer % 7], label=f"layer {layer}")
        axis.set(xlabel="epoch", ylabel=f"{column} (0 to 1)", title=f"Mask {column} (our formula)")
        axis.legend()
    figure.tight_layout()
    return figure


def all_arms(x: str, label: str, title: str):
    """Accuracy of every arm, whatever it is called, against `x`: each net's mean over the repeats, and the standard error of that; of a
    single net the error of its sample."""

    def draw(table: pd.DataFrame, masks: pd.DataFrame):
        if x not in table or "accuracy_error" not in table or (shown := table.dropna(subset=[x, "accuracy"])).empty:
            return None
        figure, axis = plt.subplots()
        for i, (arm, frame) in enumerate(shown.groupby("arm", sort=False)):
            points = frame.groupby("kept").agg(x=(x, "mean"), accuracy=("accuracy", "mean"), spread=("accuracy", "sem"),
                                               own=("accuracy_error", "mean")).sort_values("x")
            axis.errorbar(points.x, points.accuracy, yerr=points.spread.fillna(points.own), label=arm, color=COLOURS[i % 7],
                          marker=MARKERS[i % 7], linestyle=DASHES[i // 7 % 7], markersize=4, capsize=2, linewidth=1)
        axis.legend(fontsize=8 if shown.arm.nunique() < 9 else 6)
        log_axis(axis)
        axis.set(xlabel=label, ylabel="test accuracy", title=title)
        return figure

    return draw


EVERY_STUDY = {
    "arms_nonzeros": all_arms("nonzeros", "nonzero weights", "Accuracy against weights"),
    "arms_lut": all_arms("lut", "LUT (estimate, a frame every cycle)", "Accuracy against area"),
}
PICTURES = {
    "accuracy_bops": against_bops("accuracy", "test accuracy", "Accuracy against bit operations"),
    "auc_bops": against_bops("auc", "mean AUC, one against rest", "AUC against bit operations"),
    **{f"background_{name}_bops": against_bops(
        f"background_{name}", f"background efficiency at 50 % signal efficiency, {name}",
        f"Background to {name} jets against bit operations")
       for name in "gqtwz"},
    "lottery": compare({"width 6 bits": "fine-tuning", "lottery ticket": "lottery ticket"}, "Fine-tuning or rewinding, 6 bits"),
    "regularisation": compare({"width 6 bits": "with L1 and batch norm", "no L1": "no L1", "no BN": "no batch norm"},
                              "With and without L1 and batch norm, 6 bits"),
    "labels": compare({"width 6 bits": "true labels", "random labels 50 %": "50 % random", "random labels 75 %": "75 % random",
                       "random labels 90 %": "90 % random"}, "Training labels randomised, 6 bits"),
    "methods": compare({"width 6 bits": "magnitude", "fisher": "Fisher", "random": "random", "dpp": "dynamic probabilistic"},
                       "Pruning methods at equal numbers of weights, 6 bits"),
    "neural_efficiency": scatter("neural_efficiency", "neural efficiency", "Neural efficiency against accuracy"),
    "aiq": scatter("aiq", "aIQ (A: test accuracy)", "aIQ against accuracy"),
    "search": search_against_pruning,
    "masks": masks_over_epochs,
}
