"""Which nets there are between the float network and the hardware, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from build_dataflow.page.facts import Facts

ROLES = {"float": "Float", "quantised": "Quantised", "onnxruntime": "Pruned, your file", "hardware": "Hardware"}
"""In the order of their making; nets that training pruned in other ways come between."""
EFFICIENCIES = (0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class Net:
    """One of them. `performance` is its entry of performance.json, with ROC and confusion, or None where only the accuracy was kept."""

    key: str
    title: str
    where: str
    accuracy: float
    error: float | None
    samples: int | None
    performance: dict[str, Any] | None


def nets_of(build: Facts) -> list[Net]:
    """Those of the model's training first, then onnxruntime and the hardware, as this build ran them."""
    record, trained = build.training.get("record") or {}, build.training.get("performance") or {}
    found = []
    for key, scores in (record.get("accuracy") or {}).items():
        known = trained.get("nets", {}).get(key)
        if key == record.get("shipped") and build.performance:
            continue
        title = ROLES.get(key, f"Pruned by {key}")
        found.append(Net(key, title, "training, on its test part", scores.get("test"), known and known["accuracy_error"],
                         known and known["samples"], known))
    accuracy = build.summary.get("accuracy")
    for key, where in (("onnxruntime", "your file in onnxruntime"), ("hardware", "the verified integers")):
        if accuracy:
            known = (build.performance or {}).get("nets", {}).get(key)
            title = ROLES[key] if key == "hardware" or record else "Your file"
            found.append(Net(key, title, where, accuracy[key], known and known["accuracy_error"], accuracy["samples"], known))
    return [net for net in found if net.accuracy is not None]


def unknown(build: Facts) -> list[str]:
    """Sentences: what the page cannot show, and the way to it."""
    record, told = build.training.get("record") or {}, []
    if not build.summary.get("accuracy"):
        return ["No labelled data was given, so accuracy, ROC and confusion are not known: build with --data and --label."]
    if not build.performance:
        told.append("This build is from a version that kept no ROC and no confusion matrix: build it again to have them.")
    if not record:
        told.append("No record.json of this model was found beside it, so the float, quantised and differently pruned nets are not known.")
    elif not build.training.get("performance"):
        told.append("The model's training kept accuracies alone: ROC and confusion of the float and the quantised net are not known. "
                    "`train` writes them since version 0.1.0.")
    if build.performance and not any("roc" in net for net in build.performance["nets"].values()):
        told.append("The network answers with labels, so there are no scores and no ROC.")
    return told


def classes_of(build: Facts) -> list[str]:
    return list((build.performance or build.training.get("performance") or {}).get("classes", []))


def with_roc(build: Facts) -> list[Net]:
    return [net for net in nets_of(build) if net.performance and net.performance.get("roc")]


def with_confusion(build: Facts) -> list[Net]:
    return [net for net in nets_of(build) if net.performance]


def working_points(build: Facts) -> list[dict[str, Any]]:
    """A row for each class and net: area under the ROC and background efficiency at some signal efficiencies."""
    grid = (build.performance or build.training.get("performance") or {}).get("signal_efficiency", [])
    rows = []
    for name in classes_of(build):
        for net in with_roc(build):
            roc = net.performance["roc"].get(name)
            if roc:
                points = [roc["background_efficiency"][min(range(len(grid)), key=lambda i: abs(grid[i] - wanted))] for wanted in EFFICIENCIES]
                rows.append({"class": name, "net": net.title, "key": net.key, "auc": roc["auc"], "error": roc["auc_error"], "points": points})
    return rows
