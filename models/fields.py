"""What each field of a training is, in a line: `train --fields` prints it."""

from __future__ import annotations

from dataclasses import fields

from models.configuration import TrainConfig

FIELDS = {
    "dataset": "a name (qapjets, openml) or the path of a table (--data)",
    "label": "column of the classes, or with task regression of the numbers to predict, separated by commas (--label)",
    "drop": "columns that are left out (--drop)",
    "task": "classes, binary (two classes, one output), regression, or autoencoder (its own features) (--task)",
    "seed": "decides every random choice",
    "hidden": "widths of the hidden layers (--hidden)",
    "weight_bits": "bits of the weights, of all layers or a list by layer; 32 is float",
    "activation_bits": "bits after each hidden layer, one or a list; 32 is float",
    "input_bits": "bits of the quantised features; 32: not quantised",
    "input_sigmas": "standard deviations at which the features are cut",
    "activation_max": "where the ranges of the activations start from; they are learned",
    "batch_norm": "none, on, no_affine, no_running_statistics, or folded (merged into the weights before pruning)",
    "start": "a checkpoint of a net with the same fields to start from",
    "float_start": "a float model whose weights it starts from: .pt, .pt2 or .onnx (--from)",
    "learning_rate": "Adam's",
    "final_learning_rate": "of the last fit; none: the same",
    "schedule": "of the learning rate: constant, or cosine (falling within each fit)",
    "batch_size": "samples in a step",
    "epochs": "at most so many after each cut",
    "dense_epochs": "before any pruning; none: as epochs",
    "final_epochs": "after the last cut; none: as epochs",
    "patience": "a fit ends after so many epochs without a better validation loss; 0: never",
    "average": "keep the mean of the last so many epochs of the last fit if it is better on validation (with cosine it seldom is); 0: no mean",
    "l1": "weight of the sum of |w| in the loss",
    "random_labels": "share of the training labels that are replaced by random ones",
    "folds": "with more than 1, training and validation part are joined and cut into so many",
    "fold": "the one that validates",
    "method": "none, qap (cut and fit again), dpp (learned masks with k weights each) or widths (learned bits)",
    "saliency": "of qap, which weights go first: magnitude, fisher, random; of several the best is kept",
    "remaining": "of qap, shares of the weights (digits) left after each cut; 'published' are the paper's",
    "rewind": "of qap, back to the initial weights after each cut (lottery ticket)",
    "floor": "of qap, the least number of weights (digits) that a layer keeps, one or a list by layer",
    "keep": "of dpp, k weights (digits) of each row, or of each tile, one or a list by layer",
    "neurons": "of dpp, so many neurons of each hidden layer live (0: all)",
    "tile": "of dpp, inputs of a tile, one or a list by layer (0: the whole row)",
    "granularity": "what is pruned: weights or (signed) digits, with dpp blocks or neurons too",
    "block": "of dpp with blocks, neighbouring inputs in one",
    "temperature_start": "of dpp, of the relaxed masks at first",
    "temperature_end": "of dpp, in the last epoch",
    "entropy_penalty": "of dpp, weight of the masks' entropy in the loss",
    "logit_learning_rate": "of dpp, Adam's for the masks",
    "least_area": "of widths, LUTs of an unrolled core (its own sum) at which the walk ends",
    "goal": "of widths, the smallest net of the front with at least this on validation is kept; none: the best on validation",
    "walk_steps": "of widths, batches of the whole walk",
    "rests": "of widths, how often on the way the learning rate falls to zero: each is a net of the front",
    "first_price": "of widths, nats of cross-entropy for a LUT at the start of the walk",
    "last_price": "of widths, the same at its end",
    "annealed": "of widths, networks of the front that annealing makes of the walk's last one; 0: none",
    "first_annealed_price": "of widths, nats of cross-entropy for a LUT at the first of them",
    "last_annealed_price": "of widths, the same at the last of them",
    "trials": "of widths, trials of annealing for each of them",
    "teachers": "of widths, float nets behind the soft labels; 0: none",
    "teacher_epochs": "of widths, epochs of each of them",
    "trees": "of widths, whether boosted trees are behind them too",
    "label_share": "of widths, share of the labels themselves in the soft labels",
}


def field_table(config: TrainConfig = TrainConfig()) -> list[tuple[str, str, str]]:
    """(field, value, what it is) of every field, in the order of the training's definition."""
    return [(field.name, written(getattr(config, field.name)), FIELDS[field.name]) for field in fields(TrainConfig)]


def written(value) -> str:
    """A value as --set takes it."""
    if isinstance(value, tuple):
        return ",".join(f"{entry:.3g}" if isinstance(entry, float) else str(entry) for entry in value)
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
