"""Dynamic probabilistic pruning (Gonzalez-Carabarin et al. 2022): which k of n weights a row keeps is learned with them.

Each row of logits D holds a distribution over the row's candidates. In training every forward pass draws k of n without
replacement (Gumbel top-k); the gradient is that of k softmaxes at a temperature. A mask is a parametrisation of the layer's
weight, so it acts before the quantiser and any Brevitas layer takes it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

INITIAL_SPREAD = 0.5


class TopK(nn.Module):
    """A random mask [rows, columns] with exactly `keep` ones in each tile of `tile` columns (0: the whole row).

    In evaluation mode the mask is the top k of the logits, without noise. ValueError for a k or a tile that cannot be.
    """

    def __init__(self, rows: int, columns: int, keep: int, tile: int = 0, name: str = "mask"):
        super().__init__()
        tile = tile or columns
        if columns % tile:
            raise ValueError(f"{name}: tile ({tile}) must divide the {columns} candidates of a row")
        if not 1 <= keep <= tile:
            whole = "tile" if tile < columns else "row"
            raise ValueError(f"{name}: keep ({keep}) must be 1 to {tile}, the candidates of a {whole}")
        self.keep, self.tile, self.temperature = keep, tile, 1.0
        self.logits = nn.Parameter(INITIAL_SPREAD * torch.randn(rows, columns))

    def forward(self) -> Tensor:
        tiled = self.logits.view(len(self.logits), -1, self.tile)
        if not self.training:
            return top_k(tiled, self.keep).view_as(self.logits)
        noisy = tiled + gumbel(tiled)
        soft = softmax_without_replacement(noisy / self.temperature, self.keep)
        return (top_k(noisy, self.keep) + (soft - soft.detach())).view_as(self.logits)

    def entropy(self) -> Tensor:
        """Sum over rows and tiles of the entropy (nats) of softmax(D)."""
        log_p = self.logits.view(-1, self.tile).log_softmax(-1)
        return -(log_p.exp() * log_p).sum()


def top_k(scores: Tensor, keep: int) -> Tensor:
    """Ones at the `keep` highest of the last axis, of equal ones the earlier; no gradient."""
    order = torch.argsort(scores.detach(), dim=-1, descending=True, stable=True)
    return torch.zeros_like(scores).scatter_(-1, order[..., :keep], 1.0).detach()


def gumbel(like: Tensor) -> Tensor:
    return -torch.empty_like(like).exponential_().log()


def softmax_without_replacement(scores: Tensor, keep: int) -> Tensor:
    """Sum of `keep` softmaxes over the last axis, each without the winners of those before it."""
    order = torch.argsort(scores.detach(), dim=-1, descending=True, stable=True)
    rank = torch.argsort(order, dim=-1)
    draws = torch.arange(keep, device=scores.device)
    gone = rank[..., None, :] < draws[:, None]
    return scores[..., None, :].masked_fill(gone, -torch.inf).softmax(-1).sum(-2)


class WeightMask(nn.Module):
    """The parametrisation weight -> weight x mask, for the weight [outputs, inputs, ...] of a linear or convolutional layer.

    Granularities: `weights` picks inputs of each neuron (for a convolution: kernels of each feature map); `blocks` picks
    groups of `block` neighbouring inputs, a group being one candidate; `neurons` picks whole neurons (feature maps).
    """

    def __init__(
        self, shape: torch.Size, keep: int, tile: int = 0, granularity: str = "weights", block: int = 1, name: str = "mask"
    ):
        super().__init__()
        outputs, inputs = shape[:2]
        self.trailing, self.granularity, self.block = len(shape) - 2, granularity, block
        if granularity == "neurons":
            self.choice = TopK(1, outputs, keep, tile, name)
        elif granularity == "blocks":
            if inputs % block:
                raise ValueError(f"{name}: block ({block}) must divide the {inputs} inputs")
            self.choice = TopK(outputs, inputs // block, keep, tile, name)
        elif granularity == "weights":
            self.choice = TopK(outputs, inputs, keep, tile, name)
        else:
            raise ValueError(f"{name}: granularity '{granularity}' is none of weights, blocks, neurons")

    def mask(self) -> Tensor:
        """[outputs, inputs, 1, ...], or [outputs, 1, 1, ...] for neurons."""
        mask = self.choice()
        if self.granularity == "neurons":
            mask = mask.view(-1, 1)
        elif self.granularity == "blocks":
            mask = mask.repeat_interleave(self.block, 1)
        return mask.view(*mask.shape, *[1] * self.trailing)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask()


def add_mask(
    layer: nn.Module, keep: int, tile: int = 0, granularity: str = "weights", block: int = 1, name: str = "mask"
) -> TopK:
    """Give `layer` a learned mask over its weight; returns the part with the logits, temperature and entropy."""
    mask = WeightMask(layer.weight.shape, keep, tile, granularity, block, name)
    parametrize.register_parametrization(layer, "weight", mask, unsafe=True)
    return mask.choice


def freeze_mask(layer: nn.Module) -> Tensor:
    """Fix the mask of `layer` to the top k of its logits and take the parametrisation out; returns the mask as booleans of
    the weight's shape. The weight holds exact zeros where the mask does."""
    mask = layer.parametrizations.weight[0]
    mask.eval()
    alive = mask.mask().bool().expand(layer.weight.shape).clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return alive


def temperature(epoch: int, epochs: int, start: float, end: float) -> float:
    """Linear from `start` in the first epoch to `end` in the last, never below `end`."""
    progress = epoch / max(epochs - 1, 1)
    return max(start + (end - start) * progress, end)
