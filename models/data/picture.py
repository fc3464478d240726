"""One picture of a data set: the distribution of every feature by class, and how well a float MLP tells the classes apart."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset
from models.data.files import write_atomically
from models.data.load import NAMED
from models.data.reference import HIDDEN, Scores

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, which colour-blind people can tell apart."""
STYLES = ("-", (0, (4, 1)), (0, (5, 1, 1, 1)), (0, (1.2, 0.8)), (0, (5, 1, 1, 1, 1, 1)))
BINS = 50
JET_CLASSES = {"g": "gluon", "q": "light quark", "t": "top", "w": "W", "z": "Z"}


def draw(dataset: Dataset, scores: Scores, output: Path, title: str) -> None:
    """Write the picture to `output` (.png). Features are drawn from all rows, the ROC from the test part."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    features = len(dataset.features)
    columns = min(4, features)
    rows = max(2, -(-features // columns))
    with plt.rc_context({"font.size": 9, "axes.titlesize": 9, "axes.linewidth": 0.7, "xtick.direction": "in", "ytick.direction": "in"}):
        figure = plt.figure(figsize=(2.7 * columns + 5.4, max(2.15 * rows + 0.9, 6.0)), layout="constrained")
        left, right = figure.subfigures(1, 2, width_ratios=(2.7 * columns, 5.4))
        axes = left.subplots(rows, columns, squeeze=False).flat
        for feature in range(features):
            _distribution(axes[feature], dataset, feature)
        for spare in axes[features:]:
            spare.set_axis_off()
        left.supylabel("fraction of the class per bin", fontsize=9)
        top, bottom = right.subplots(2, 1, height_ratios=(1.25, 1.0))
        _roc(top, dataset, scores)
        _confusion(bottom, dataset, scores)
        handles = [plt.Line2D([], [], **_line(i)) for i in range(len(dataset.classes))]
        labels = [_class_name(dataset, i) for i in range(len(dataset.classes))]
        left.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 7), frameon=False, fontsize=10)
        figure.suptitle(title, fontsize=11)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130)
        plt.close(figure)
    write_atomically(output, lambda stream: stream.write(buffer.getvalue()))


def _distribution(axis, dataset: Dataset, feature: int) -> None:
    x = np.concatenate([part.x[:, feature] for part in (dataset.train, dataset.validation, dataset.test)]).astype(np.float64)
    y = np.concatenate([part.y for part in (dataset.train, dataset.validation, dataset.test)])
    edges, log = _edges(x, may_be_log="mass" not in dataset.features[feature])
    for label in range(len(dataset.classes)):
        values = x[y == label]
        counts, _ = np.histogram(values, edges)
        axis.stairs(counts / len(values), edges, **_line(label))
    if log:
        axis.set_xscale("log")
    axis.set_xlim(edges[0], edges[-1])
    axis.set_ylim(bottom=0)
    axis.tick_params(labelsize=7.5, which="both", top=True, right=True)
    axis.set_xlabel(_axis_name(dataset.features[feature]), labelpad=1)


def _edges(x: np.ndarray, may_be_log: bool = True) -> tuple[np.ndarray, bool]:
    """Bin edges over the central 99 % (whole numbers for counts), and whether the axis is logarithmic: for positive values that spread over
    more than a factor of 20, but not for masses, whose peaks a linear axis shows."""
    low, high = np.quantile(x, [0.005, 0.995])
    positive = x[x > 0]
    if may_be_log and len(positive) > 0.98 * len(x) and len(positive) == np.count_nonzero(x):
        low_positive, high_positive = np.quantile(positive, [0.005, 0.995])
        if high_positive > 20.0 * low_positive:
            return np.geomspace(low_positive, high_positive, BINS + 1), True
    if (x == np.round(x)).all():
        low, high = np.floor(low), np.ceil(high)
        step = max(1, int(np.ceil((high - low) / BINS)))
        return np.arange(low - 0.5, high + step + 0.5, step), False
    if low == high:
        low, high = x.min(), x.max()
    return np.linspace(low, high, BINS + 1), False


def _roc(axis, dataset: Dataset, scores: Scores) -> None:
    for label in range(len(dataset.classes)):
        background, signal = scores.roc(label)
        shown = background > 0
        name = f"{_class_name(dataset, label)}  AUC = {scores.auc(label):.3f} ± {scores.auc_error(label):.3f}"
        axis.plot(signal[shown], background[shown], label=name, **_line(label))
    axis.set_yscale("log")
    axis.set_xlim(0, 1)
    axis.set_ylim(1e-3, 1)
    axis.grid(which="major", color="0.85", linewidth=0.6)
    axis.tick_params(which="both", top=True, right=True)
    axis.set_xlabel("signal efficiency")
    axis.set_ylabel("background efficiency (all other classes)")
    axis.legend(fontsize=8, loc="upper left", framealpha=0.9, borderaxespad=0.4)
    net = "-".join(str(width) for width in HIDDEN)
    axis.set_title(f"float {net} MLP, {len(scores.y):,} test rows: accuracy {scores.accuracy:.3f} ± {scores.accuracy_error:.3f}")


def _confusion(axis, dataset: Dataset, scores: Scores) -> None:
    classes = len(dataset.classes)
    table = np.zeros((classes, classes))
    np.add.at(table, (scores.y, scores.probabilities.argmax(axis=1)), 1.0)
    table /= table.sum(axis=1, keepdims=True)
    axis.imshow(table, cmap="Blues", vmin=0, vmax=1)
    names = [_class_name(dataset, label) for label in range(classes)]
    axis.set_xticks(range(classes), names, rotation=30 if classes > 5 else 0)
    axis.set_yticks(range(classes), names)
    axis.set_xlabel("found as")
    axis.set_ylabel("truly")
    if classes <= 10:
        for (row, column), share in np.ndenumerate(table):
            axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=8, color="white" if share > 0.55 else "black")


def _line(label: int) -> dict:
    return {"color": COLOURS[label % len(COLOURS)], "linestyle": STYLES[label % len(STYLES)], "linewidth": 1.4}


def _class_name(dataset: Dataset, label: int) -> str:
    """As the table has it; of the jet sets, whose letters are ours, in words."""
    name = dataset.classes[label]
    return JET_CLASSES.get(name, name) if dataset.name in NAMED else name


def _axis_name(feature: str) -> str:
    """The physicist's notation of a jet feature; any other name as it is."""
    special = {"zlogz": r"$\sum z\,\ln z$", "mass_mmdt": r"$m_{\mathrm{mMDT}}$ [GeV]", "multiplicity": "constituents"}
    if feature in special:
        return special[feature]
    words = feature.split("_")
    if words[-1] != "mmdt" or len(words) not in (3, 4):
        return feature.replace("$", r"\$")
    letter, index = words[0][0].upper(), words[0][1:]
    exponents = ",".join(word[1:] for word in words[1:-1])
    return rf"${letter}_{index}^{{({exponents})}}$" if len(words) == 4 else rf"${letter}_{index}^{{\beta={exponents}}}$"
