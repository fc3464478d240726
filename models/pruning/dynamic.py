"""Dynamic probabilistic pruning (Gonzalez-Carabarin et al. 2022): which k of n weights a row keeps is learned with them.

Each row of logits D holds a distribution over the row's candidates. In training every forward pass draws k of n without
replacement (Gumbel top-k); the gradient is that of k softmaxes at a temperature. A mask is a parametrisation of the layer's
weight, so it acts before the quantiser and any Brevitas layer takes it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from models.fake_quant import scale_of
from models.pruning.digits import nearest_by_digits, slots, written

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

    def forward(self, closed: Tensor | None = None) -> Tensor:
        """A mask; candidates that are `closed`, booleans [columns], are never in it (at least `keep` must be open)."""
        logits = self.logits if closed is None else self.logits.masked_fill(closed, -torch.inf)
        tiled = logits.view(len(logits), -1, self.tile)
        if not self.training:
            return top_k(tiled, self.keep).view_as(self.logits)
        noisy = tiled + gumbel(tiled)
        rank = ranks(noisy)
        soft = softmaxes(noisy / self.temperature, rank, self.keep)
        return ((rank < self.keep) + (soft - soft.detach())).view_as(self.logits)

    def entropy(self) -> Tensor:
        """Sum over rows and tiles of the entropy (nats) of softmax(D)."""
        log_p = self.logits.view(-1, self.tile).log_softmax(-1)
        return -(log_p.exp() * log_p).sum()


def top_k(scores: Tensor, keep: int) -> Tensor:
    """Ones at the `keep` highest of the last axis, of equal ones the earlier; no gradient."""
    return (ranks(scores) < keep).to(scores.dtype)


def ranks(scores: Tensor) -> Tensor:
    """The place of each score in its last axis: 0 is the highest, of equal ones the earlier; no gradient."""
    order = torch.argsort(scores.detach(), dim=-1, descending=True, stable=True)
    return torch.empty_like(order).scatter_(-1, order, torch.arange(scores.shape[-1]).expand_as(order))


def gumbel(like: Tensor) -> Tensor:
    return -torch.empty_like(like).exponential_().log()


def softmax_without_replacement(scores: Tensor, keep: int) -> Tensor:
    """Sum of `keep` softmaxes over the last axis, each without the winners of those before it."""
    return softmaxes(scores, ranks(scores), keep)


def softmaxes(scores: Tensor, rank: Tensor, keep: int) -> Tensor:
    """The same, where the rank of each score is known."""
    gone = rank[..., None, :] < torch.arange(keep)[:, None]
    return scores[..., None, :].masked_fill(gone, -torch.inf).softmax(-1).sum(-2)


class WeightMask(nn.Module):
    """The parametrisation weight -> weight x mask, for the weight [outputs, inputs, ...] of a linear or convolutional layer.

    Granularities: `weights` picks inputs of each neuron (for a convolution: kernels of each feature map); `blocks` picks
    groups of `block` neighbouring inputs, a group being one candidate; `neurons` picks whole neurons (feature maps).

    Beside weights, `neurons` > 0 also picks that many whole neurons, equally many of each `neuron_tile` neighbours (0: of all):
    the others have no weights at all. `dead_inputs` says which inputs come from such neurons, booleans [inputs]: they are never
    picked.
    """

    def __init__(
        self, shape: torch.Size, keep: int, tile: int = 0, granularity: str = "weights", block: int = 1, name: str = "mask",
        neurons: int = 0, neuron_tile: int = 0, dead_inputs: Callable[[], Tensor] | None = None,
    ):
        super().__init__()
        outputs, inputs = shape[:2]
        self.trailing, self.granularity, self.block = len(shape) - 2, granularity, block
        self.rows = pick_neurons(outputs, neurons, neuron_tile, name) if neurons else None
        self.dead_inputs, self.living = dead_inputs, torch.ones(outputs, dtype=torch.bool)
        if (neurons or dead_inputs) and granularity != "weights":
            raise ValueError(f"{name}: neurons can be picked beside single weights only, not beside {granularity}")
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
        mask = self.choice(self.dead_inputs() if self.dead_inputs else None)
        if self.rows is not None:
            rows = self.rows().view(-1, 1)
            self.living = rows.detach()[:, 0] > 0
            mask = mask * rows
        if self.granularity == "neurons":
            mask = mask.view(-1, 1)
        elif self.granularity == "blocks":
            mask = mask.repeat_interleave(self.block, 1)
        return mask.view(*mask.shape, *[1] * self.trailing)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask()

    def dead(self) -> Tensor:
        """Which neurons the last mask left out, booleans [outputs]."""
        return ~self.living

    @property
    def choices(self) -> list[TopK]:
        """What is learned: logits, temperature and entropy, of the weights and, where they are picked too, of the neurons."""
        return [self.choice] if self.rows is None else [self.choice, self.rows]


class DigitMask(WeightMask):
    """The parametrisation that picks digits: every weight of `bits` has as many candidates as it can have signed digits, and is the
    nearest whole number of just as many digits as were picked of them. `tile` counts inputs."""

    def __init__(self, shape: torch.Size, keep: int, tile: int, bits: int, name: str = "mask", neurons: int = 0, neuron_tile: int = 0,
                 dead_inputs: Callable[[], Tensor] | None = None):
        self.bits, self.slots = bits, slots(bits)
        closed = (lambda: dead_inputs().repeat_interleave(self.slots)) if dead_inputs else None
        super().__init__((shape[0], shape[1] * self.slots), keep, tile * self.slots, "weights", 1, name, neurons, neuron_tile, closed)

    def mask(self) -> Tensor:
        """[outputs, inputs, slots]; what was picked of a weight stands first."""
        picked = super().mask()
        return picked.view(len(picked), -1, self.slots).sort(stable=True, dim=-1, descending=True).values

    def forward(self, weight: Tensor) -> Tensor:
        """Straight through to the living weights; a candidate's gradient is by how much its digit changes the weight."""
        mask = self.mask()
        counts = mask.detach().sum(-1, keepdim=True).long()
        living = weight * (counts[..., 0] > 0)
        with torch.no_grad():
            scale = scale_of(living.abs().amax(), self.bits)
            found = written(nearest_by_digits(weight / scale, self.bits, True), scale, self.bits)
            change = found.gather(-1, counts)[..., 0] - living
        return living + change + ((mask - mask.detach()) * found.diff(dim=-1)).sum(-1)


def pick_neurons(outputs: int, neurons: int, tile: int, name: str) -> TopK:
    """A mask [1, outputs] of `neurons` ones, equally many in each tile."""
    tile = tile or outputs
    tiles = max(outputs // tile, 1)
    if neurons % tiles:
        raise ValueError(f"{name}: neurons ({neurons}) must be a multiple of {tiles}, the tiles of {tile} that the next layer "
                         "reads")
    return TopK(1, outputs, neurons // tiles, tile, f"{name}, neurons")


def add_mask(layer: nn.Module, keep: int, tile: int = 0, granularity: str = "weights", block: int = 1, *more, **keywords) -> WeightMask:
    """Give `layer` a learned mask over its weight: the arguments are those of WeightMask after the shape, or with granularity `digits`
    those of DigitMask."""
    if granularity == "digits":
        mask = DigitMask(layer.weight.shape, keep, tile, layer.bits, *more, **keywords)
    else:
        mask = WeightMask(layer.weight.shape, keep, tile, granularity, block, *more, **keywords)
    parametrize.register_parametrization(layer, "weight", mask, unsafe=True)
    return mask


def freeze_mask(layer: nn.Module) -> Tensor:
    """Fix the mask of `layer` to the top k of its logits and take the parametrisation out; returns the mask as booleans of
    the weight's shape (of digits [MH, MW, slots]). The weight holds exact zeros where the mask does."""
    mask = layer.parametrizations.weight[0]
    mask.eval()
    alive = mask.mask().bool()
    if alive.dim() == layer.weight.dim():
        alive = alive.expand(layer.weight.shape).clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    return alive


def temperature(epoch: int, epochs: int, start: float, end: float) -> float:
    """Linear from `start` in the first epoch to `end` in the last, never below `end`."""
    progress = epoch / max(epochs - 1, 1)
    return max(start + (end - start) * progress, end)
