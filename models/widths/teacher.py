"""Soft labels: what several float networks and boosted trees say of the training part, each sample by those that have not seen it.

What a network says of the samples that it was trained on is too sure, and repeats their noise.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from sklearn.model_selection import KFold
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN = (128, 64, 32)
DROPOUT = 0.1
BATCH = 512
FOLDS = 5
TREES = 0.25
"""Share of the trees beside networks."""


@torch.enable_grad()
def float_net(x: Tensor, y: Tensor, classes: int, epochs: int, seed: int) -> nn.Sequential:
    """Of standardised features [N, F] and labels [N]; one cycle of AdamW."""
    torch.manual_seed(seed)
    widths = (x.shape[1], *HIDDEN)
    parts: list[nn.Module] = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        parts += [nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.ReLU(), nn.Dropout(DROPOUT)]
    net = nn.Sequential(*parts, nn.Linear(widths[-1], classes))
    optimiser = torch.optim.AdamW(net.parameters(), 5e-3, weight_decay=1e-2)
    batch = min(BATCH, len(x))
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=steps)
    shuffled = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=shuffled)
        for start in range(0, len(x) - batch + 1, batch):
            rows = order[start: start + batch]
            loss = F.cross_entropy(net(x[rows]), y[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def boosted(x: np.ndarray, y: np.ndarray, seed: int):
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=120, learning_rate=0.08, max_leaf_nodes=16, min_samples_leaf=80, l2_regularization=5.0,
                                           early_stopping=False, random_state=seed)
    return model.fit(x, y)


def soft_labels(x: Tensor, y: Tensor, classes: int, nets: int, trees: bool, epochs: int, seed: int,
                report: Callable[[int], None] = lambda fold: None) -> Tensor:
    """float32 [N, classes]: of each of FOLDS parts the mean of what `nets` float networks, trained on the others, say of it and, for a quarter
    (for all, if there are no nets), the trees. `report` gets the number of the part."""
    told = torch.zeros(len(x), classes)
    for fold, (seen, rest) in enumerate(KFold(FOLDS, shuffle=True, random_state=seed).split(x)):
        report(fold)
        told[rest] = _said(x[seen], y[seen], x[rest], classes, nets, trees, epochs, seed + fold * (nets + 1))
    return told


@torch.no_grad()
def _said(x: Tensor, y: Tensor, of: Tensor, classes: int, nets: int, trees: bool, epochs: int, seed: int) -> Tensor:
    told = torch.zeros(len(of), classes)
    for number in range(nets):
        told += float_net(x, y, classes, epochs, seed + number)(of).softmax(1) / nets
    if trees:
        share = TREES if nets else 1.0
        model = boosted(x.numpy(), y.numpy(), seed)
        told *= 1 - share
        told[:, model.classes_] += share * torch.tensor(model.predict_proba(of.numpy()), dtype=torch.float32)  # a rare class may not be there
    return told
