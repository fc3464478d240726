"""What a data set can give: a float 64-32-32 MLP and gradient-boosted trees, trained on the training part, chosen on the validation part and
scored once on the test part. Needs torch for the MLP."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.data.dataset import Dataset, Part
from models.data.files import write_atomically
from models.data.openml import cache_folder

HIDDEN = (64, 32, 32)
EPOCHS = 60
BATCH = 256
PEAK_RATE = 4e-3
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True, eq=False)
class Scores:
    """`probabilities` float [N, classes] for the test part, whose labels are `y` int64 [N]."""

    probabilities: np.ndarray
    y: np.ndarray

    @property
    def accuracy(self) -> float:
        return float((self.probabilities.argmax(axis=1) == self.y).mean())

    @property
    def accuracy_error(self) -> float:
        """Binomial standard error of the accuracy."""
        return float(np.sqrt(self.accuracy * (1.0 - self.accuracy) / len(self.y)))

    def auc(self, label: int) -> float:
        """Area under the ROC of one class against all others."""
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(self.y == label, self.probabilities[:, label]))

    def auc_error(self, label: int) -> float:
        """Standard error of the AUC (Hanley and McNeil, Radiology 143 (1982) 29)."""
        area, signal = self.auc(label), int((self.y == label).sum())
        background = len(self.y) - signal
        q1, q2 = area / (2.0 - area), 2.0 * area**2 / (1.0 + area)
        variance = area * (1.0 - area) + (signal - 1) * (q1 - area**2) + (background - 1) * (q2 - area**2)
        return float(np.sqrt(variance / (signal * background)))

    def roc(self, label: int) -> tuple[np.ndarray, np.ndarray]:
        """Background efficiency and signal efficiency of one class against all others."""
        from sklearn.metrics import roc_curve

        background, signal, _ = roc_curve(self.y == label, self.probabilities[:, label])
        return background, signal


def score_mlp(dataset: Dataset, seed: int, epochs: int = EPOCHS) -> Scores:
    """Train the MLP with Adam and a one-cycle rate, and score the epoch of best validation accuracy."""
    import torch

    torch.manual_seed(seed)
    x, y = torch.from_numpy(_standard(dataset, dataset.train)), torch.from_numpy(dataset.train.y)
    held, truth = torch.from_numpy(_standard(dataset, dataset.validation)), torch.from_numpy(dataset.validation.y)
    net = _mlp(len(dataset.features), len(dataset.classes))
    optimiser = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE, weight_decay=WEIGHT_DECAY)
    steps = -(-len(y) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, epochs=epochs, steps_per_epoch=steps)
    best, kept = -1.0, None
    for _ in range(epochs):
        for rows in torch.randperm(len(y)).split(BATCH):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            accuracy = float((net(held).argmax(dim=1) == truth).float().mean())
        if accuracy > best:
            best, kept = accuracy, {name: value.clone() for name, value in net.state_dict().items()}
    net.load_state_dict(kept)
    with torch.no_grad():
        probabilities = net(torch.from_numpy(_standard(dataset, dataset.test))).softmax(dim=1).numpy()
    return Scores(probabilities, dataset.test.y)


def remembered_mlp(dataset: Dataset, seed: int) -> Scores:
    """score_mlp, kept in the cache: the same data, seed and version of this file are trained once on a machine."""
    what = [dataset.sha256, dataset.features, dataset.classes, seed, Path(__file__).read_text()]
    path = cache_folder() / f"mlp-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}.npz"
    probabilities = _remembered(path)
    if probabilities is None:
        probabilities = score_mlp(dataset, seed).probabilities
        write_atomically(path, lambda stream: np.savez(stream, probabilities=probabilities, sha256=_sha256(probabilities)))
    return Scores(probabilities, dataset.test.y)


def _remembered(path: Path) -> np.ndarray | None:
    """None where there is nothing, or not what was written."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            probabilities, recorded = kept["probabilities"], str(kept["sha256"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return probabilities if _sha256(probabilities) == recorded else None


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()


def score_trees(dataset: Dataset, seed: int) -> Scores:
    """Gradient-boosted trees (scikit-learn's histogram version), stopped early on a tenth of the training part."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    trees = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=500, max_leaf_nodes=31, l2_regularization=1.0, early_stopping=True, n_iter_no_change=15, random_state=seed
    )
    trees.fit(dataset.train.x, dataset.train.y)
    return Scores(trees.predict_proba(dataset.test.x), dataset.test.y)


def _mlp(features: int, classes: int):
    import torch

    widths = (features, *HIDDEN)
    layers = [layer for a, b in zip(widths, widths[1:]) for layer in (torch.nn.Linear(a, b), torch.nn.ReLU())]
    return torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], classes))


def _standard(dataset: Dataset, part: Part) -> np.ndarray:
    return (part.x - dataset.mean) / dataset.std
