"""A network with given foldings, priced in full by the cost model."""

from __future__ import annotations

from collections.abc import Sequence

from finn_steps.accelerator import Accelerator, Folding
from finn_steps.folding.cost import Partial, choices_of, walk


def built(accelerator: Accelerator, foldings: Sequence[Folding]) -> Partial:
    """The network with these foldings, one for each layer, every choice counted."""
    folded = accelerator.with_foldings({layer.name: folding for layer, folding in zip(accelerator.layers, foldings)})
    choices = choices_of(folded)
    for choice in choices:
        while not choice.settled:
            choice.settle()
    return walk(folded, choices)
