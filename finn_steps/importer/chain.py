"""A network's links as stages: what stands before the first layer, the layers, and what follows each of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finn_steps.importer.levels import MOST_BITS, level_count
from finn_steps.importer.lowering import Link
from finn_steps.importer.nodes import attribute
from finn_steps.importer.normal_form import RESHAPING, Network
from finn_steps.importer.operators import BETWEEN, LAYER, names_in, places_of

FINAL_BITS = 12
"""Of an output quantiser that the hardware takes part in; one with more levels is the host's."""
HOST_ONLY = ("Softmax", "LogSoftmax", "ArgMax", "TopK")
LAYERS = ("MatMul", "MatMulInteger")
INTEGER_OPERATORS = ("Clip", "Relu", "Max", "Min", "Cast", "DequantizeLinear", *RESHAPING)


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer (None for what stands before the first) and the links that follow it, split at the last quantiser with few levels.

    before     links up to the quantiser (all of them where there is none)
    quantiser  the link whose levels leave this stage, or None
    after      links behind the quantiser, up to the next layer or to the output
    """

    layer: Link | None
    before: tuple[Link, ...]
    quantiser: Link | None
    after: tuple[Link, ...]

    @property
    def links(self) -> tuple[Link, ...]:
        """All but the layer."""
        return (*self.before, *((self.quantiser,) if self.quantiser else ()), *self.after)


@dataclass(frozen=True, eq=False)
class Chain:
    """head, then one stage a layer."""

    head: Stage
    layers: tuple[Stage, ...]


def read_chain(network: Network) -> Chain:
    """ValueError, naming the node, for anything but a chain of quantised layers of supported operators."""
    links = network.links
    starts = [position for position, link in enumerate(links) if link.kind in LAYERS]
    if not starts:
        raise ValueError("the model has no layer; supported: MatMul or Gemm layers with quantised weights")
    head = _split(None, links[: starts[0]], network)
    stages = [_split(links[start], links[start + 1 : end], network, FINAL_BITS if end == len(links) else MOST_BITS)
              for start, end in zip(starts, [*starts[1:], len(links)])]
    for stage, following in zip(stages, stages[1:]):
        if stage.quantiser is None:
            raise ValueError(f"node {following.layer.name} ({following.layer.node.op_type}) takes float activations: there is no "
                             f"quantiser between it and {stage.layer.name}; put a QuantReLU or QuantIdentity there")
        _check_places(stage.links, BETWEEN, "between two layers")
    if stages[-1].quantiser is not None:
        _check_places(stages[-1].before, BETWEEN, "between a layer and its quantiser")
    for stage in stages:
        _check_monotone(stage.before if stage is stages[-1] else stage.links, network)
    return Chain(head, tuple(stages))


def through_integers(links: tuple[Link, ...]) -> int:
    """How many of the links behind an integer quantiser still work on its integers: up to the DequantizeLinear that ends them."""
    for count, link in enumerate(links, start=1):
        if link.kind == "DequantizeLinear":
            return count
        if link.kind not in INTEGER_OPERATORS:
            break
    return 0


def _split(layer: Link | None, links, network: Network, bits: int = MOST_BITS) -> Stage:
    host_only = [position for position, link in enumerate(links) if link.kind in HOST_ONLY]
    quantisers = [position for position, link in enumerate(links[: min(host_only, default=len(links))])
                  if (level_count(link, network) or 2**bits + 1) <= 2**bits]
    if not quantisers:
        return Stage(layer, tuple(links), None, ())
    position = quantisers[-1]
    return Stage(layer, tuple(links[:position]), links[position], tuple(links[position + 1 :]))


def _check_places(links, place: str, where: str) -> None:
    for link in links:
        places = places_of(link.kind) or places_of(link.node.op_type)
        if not {place, LAYER} & places:
            raise ValueError(f"node {link.name} ({link.node.op_type}) stands {where}; supported there: {names_in(place)}")


def _check_monotone(links, network: Network) -> None:
    for link in links:
        node = link.nodes[-1]
        constants = [network.constants[name].array for name in node.input if name in network.constants]
        slope = {"LeakyRelu": attribute(node, "alpha", 0.01), "Elu": attribute(node, "alpha", 1.0), "Celu": attribute(node, "alpha", 1.0),
                 "ThresholdedRelu": attribute(node, "alpha", 1.0), "HardSigmoid": attribute(node, "alpha", 0.2),
                 "Selu": attribute(node, "alpha", 1.67) * attribute(node, "gamma", 1.05)}.get(link.kind, 0)
        if link.kind == "PRelu":
            slope = constants[0].min()
        if slope < 0:
            raise ValueError(f"node {link.name} ({link.kind}) has slope {slope:g}: it is not monotone; supported: slopes of at least 0")
        if link.kind == "Div" and node.input[0] in network.constants:
            raise ValueError(f"node {link.name} (Div) divides by the activation: it is not monotone; supported: division by constants")
        if any(np.isnan(value).any() for value in constants if value.dtype.kind == "f"):
            raise ValueError(f"node {link.name} ({link.kind}) has a constant that is not a number")
