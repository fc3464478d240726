"""Training by dynamic probabilistic pruning: sample masks while training, then freeze them and fine-tune."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from models import qap
from models.configuration import TrainConfig
from models.drivers import Training
from models.fitting import Task
from models.metrics.mask_statistics import confidence, diversity
from models.network import QuantMLP, is_quantised
from models.pruning.digits import DigitMasks, digit_counts, slots
from models.pruning.dynamic import WeightMask, add_mask, freeze_mask, temperature
from models.pruning.masks import Masks
from models.qap import Report, no_report
from models.tensors import Tensors


@dataclass(frozen=True)
class MaskEpoch:
    """Confidence and diversity of each layer's mask logits before an epoch."""

    epoch: int
    confidence: tuple[float, ...]
    diversity: tuple[float, ...]


def train_dpp(
    config: TrainConfig, tensors: Tensors, report: Report = no_report, on_masks: Callable[[MaskEpoch], None] = lambda m: None
) -> Training:
    """A training from scratch with sampled masks for `config.epochs`, frozen and fine-tuned for `config.final_epochs`; returns
    (QuantMLP, Prepared, [Level]).

    The net that comes back keeps exactly `keep` weights (or digits) in every row (or tile): checked, RuntimeError otherwise.
    """
    model = qap.build(config, tensors)
    prepared = qap.prepare(model, tensors)
    layers = add_masks(model, config)
    choices = [choice for mask in layers for choice in mask.choices]

    def before_epoch(epoch: int) -> None:
        on_masks(mask_epoch(epoch, layers))
        for choice in choices:
            choice.temperature = temperature(epoch, config.epochs, config.temperature_start, config.temperature_end)

    def penalty() -> torch.Tensor:
        return config.entropy_penalty * sum(choice.entropy() for choice in choices)

    sampling = qap.fit_plan(config)
    yield Task(model, prepared.train, prepared.validation, sampling, qap.shuffler(config, 0), before_epoch=before_epoch,
               penalty=penalty if config.entropy_penalty else None, on_epoch=lambda e, v: report("dpp sampling", e, v),
               restore="last", rates={choice.logits: config.logit_learning_rate for choice in choices})
    masks = freeze(model, config)
    if config.batch_norm == "folded":
        model.fold_batch_norm()
    masks.apply()
    with masks.held() as hold:
        done = yield Task(model, prepared.train, prepared.validation, qap.final_plan(config), qap.shuffler(config, 1), after_step=hold,
                          on_epoch=lambda e, v: report("dpp frozen", e, v))
    check_rows(model, config, masks)
    return model, prepared, [qap.level(model, masks, sum(masks.counts) / masks.total, done, prepared)]


def add_masks(model: QuantMLP, config: TrainConfig) -> list[WeightMask]:
    """A mask on each layer. With granularity `neurons` the last layer has none: its neurons are the classes."""
    layers = list(zip(model.layers, config.by_layer("keep"), config.by_layer("tile"), living_neurons(config)))
    if config.granularity == "neurons":
        layers = layers[:-1]
    read_in, masks = (*config.by_layer("tile")[1:], 0), []
    for i, (layer, keep, tile, neurons) in enumerate(layers):
        dead_inputs = masks[-1].dead if masks and masks[-1].rows is not None else None
        each = slots(layer.bits) if config.granularity == "digits" else 1
        if dead_inputs and keep > masks[-1].rows.keep * each:
            where = f"tile of {tile} neurons" if tile else "layer"
            what = f"{each} digits for each of the {masks[-1].rows.keep} inputs that" if each > 1 else "so many inputs"
            raise ValueError(f"layer {i}: keep ({keep}) must be 1 to {masks[-1].rows.keep * each}: {what} live in a {where}")
        masks.append(add_mask(layer, keep, tile, config.granularity, config.block, f"layer {i}",
                              neurons, read_in[i], dead_inputs))
    return masks


def living_neurons(config: TrainConfig) -> tuple[int, ...]:
    """How many neurons of each layer are picked beside the weights; 0: all. The last layer's are the classes: all."""
    return (*config.by_layer("neurons", len(config.hidden)), 0)


def freeze(model: QuantMLP, config: TrainConfig) -> Masks:
    """Fix every mask of `model`; the Masks that hold them from now on."""
    alive = [freeze_mask(layer) if hasattr(layer, "parametrizations") else torch.ones_like(layer.weight, dtype=torch.bool)
             for layer in model.layers]
    masks = DigitMasks(model.layers, exactly=True) if config.granularity == "digits" else LivingMasks(model.layers)
    masks.alive = alive
    masks.apply()
    return masks


class LivingMasks(Masks):
    """Masks whose living weights are not zero in hardware either: k weights stay k."""

    def __init__(self, layers: Sequence[nn.Module]):
        super().__init__([layer.weight for layer in layers])
        self.layers = layers

    @torch.no_grad()
    def apply(self) -> None:
        """Set what is pruned to zero, and move each living weight that would round to zero out to one quantisation step."""
        super().apply()
        for layer, alive in zip(self.layers, self.alive):
            weight = layer.weight
            step = layer.quant_weight().scale if is_quantised(layer) else torch.tensor(torch.finfo().tiny)
            faint = alive & (weight.abs() <= step / 2)
            weight.copy_(torch.where(faint, torch.where(weight < 0, -step, step), weight))


def check_rows(model: QuantMLP, config: TrainConfig, masks: Masks) -> None:
    """RuntimeError unless every row (and tile) of every masked layer has exactly k nonzero quantised weights (blocks, signed digits);
    where neurons are picked beside, exactly so many rows have k and the others none."""
    by_layer = zip(model.quantised_weights(), config.by_layer("keep"), config.by_layer("tile"), living_neurons(config))
    for i, (weights, keep, tile, neurons) in enumerate(by_layer):
        if config.granularity == "neurons" and i == len(model.layers) - 1:
            continue
        living = weights.any(1) if neurons else torch.ones(len(weights), dtype=torch.bool)
        if neurons and int(living.sum()) != neurons:
            raise RuntimeError(f"layer {i}: {int(living.sum())} neurons live, not exactly {neurons}")
        kept = digit_counts(model.layers[i]) if config.granularity == "digits" else weights != 0
        counts = row_counts(kept[living], tile, config.granularity, config.block)
        if not bool((counts == keep).all()):
            found = sorted(set(counts.flatten().tolist()))
            raise RuntimeError(f"layer {i}: rows keep {found} of their candidates, not exactly {keep}")


def row_counts(alive: torch.Tensor, tile: int, granularity: str, block: int) -> torch.Tensor:
    """Living candidates in each row and tile of a mask [MH, MW], or of the number of digits of each weight."""
    if granularity == "neurons":
        candidates = alive.any(1)[None]
    elif granularity == "blocks":
        candidates = alive.view(len(alive), -1, block).any(-1)
    else:
        candidates = alive
    return candidates.reshape(len(candidates), -1, tile or candidates.shape[1]).sum(-1)


def mask_epoch(epoch: int, layers: list[WeightMask]) -> MaskEpoch:
    logits = [mask.choice.logits.detach().numpy() for mask in layers]
    return MaskEpoch(epoch, tuple(map(confidence, logits)), tuple(map(diversity, logits)))
