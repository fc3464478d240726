"""Fully unrolled layers: constants wired in, zeros absent, a new frame every cycle."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.accelerator import SparseLayer
from finn_steps.rtl import activation, affine, even_steps
from finn_steps.rtl.activation import DIRECT_INPUTS, LUT_INPUTS
from finn_steps.rtl.core import Core
from finn_steps.rtl.digit_sharing import share_digits
from finn_steps.rtl.heap import compress
from finn_steps.rtl.label import greatest
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import pipeline
from finn_steps.rtl.sharing import share
from finn_steps.rtl.stage import identifier
from finn_steps.rtl.word import Word
from finn_steps.rtl.wrapping import Wrap, Wrapped, wrapped_word, wraps_of

NOTHING = Word((), 0, 0, 0)


def unrolled_core(layers: Sequence[SparseLayer], module: str, labels: np.ndarray | None = None) -> Core:
    """One pipeline for consecutive layers; see Core. `folding.registers_every` of the first layer holds for all. With `labels` its
    output is labels[i] for the first greatest row i of the last layer."""
    net = Netlist()
    width, first = DataType[layers[0].idt].bitwidth(), layers[0]
    bits = net.input(width * first.MW)
    words = [Word.within(bits[width * i: width * (i + 1)], low, high)
             for i, (low, high) in enumerate(zip(first.input_low.tolist(), first.input_high.tolist()))]
    weights, parts = first.weights, []
    for layer, following in zip(layers, [*layers[1:], None]):
        wraps = {} if following is None else wraps_of(layer, following)
        counted = {wrap.h for wrap in wraps.values()}
        built = [row for row in range(layer.MH) if row not in counted]
        ranges = [bounds(weights[row], int(layer.bias[row]), words) for row in range(layer.MH)]
        shared, words = share_digits(net, weights[built], words) or share(net, weights[built], words)
        sums = {row: Sum(*accumulator(shared[place], int(layer.bias[row]), words), *ranges[row]) for place, row in enumerate(built)}
        for u, wrap in wraps.items():
            sums[wrap.h] = Sum(sums[u].terms, sums[u].constant + int(layer.bias[wrap.h] - layer.bias[u]), *ranges[wrap.h])
        made = {row: neuron(net, layer, row, sums, wraps.get(row)) for row in built}
        words = [made.get(row, NOTHING) for row in range(layer.MH)]
        parts.append((identifier(layer.name), len(net.nodes)))
        weights = None if following is None else np.where(np.isin(np.arange(layer.MH), list(counted)), 0, following.weights)
    encoded = [encode(net, word, layers[-1].odt) for word in words]
    outputs = sum(encoded, []) if labels is None else greatest(net, encoded, DataType[layers[-1].odt].signed(), labels)
    parts.append(("answer", len(net.nodes)))
    return pipeline(net, outputs, module, len(bits), layers[0].folding.registers_every, parts=parts)


@dataclass(frozen=True)
class Sum:
    """An accumulator: bits with their weights and a constant; it lies in low..high, as the inputs say (words that share inputs say less)."""

    terms: dict[int, int]
    constant: int
    low: int
    high: int


def neuron(net: Netlist, layer: SparseLayer, row: int, sums: Mapping[int, Sum], wrap: Wrap | None = None) -> Word:
    """The output of one row of a layer, of its accumulator and thresholds; with `wrap`, that of a pair of rows."""
    terms, constant, low, high = sums[row].terms, sums[row].constant, sums[row].low, sums[row].high
    if wrap is not None:
        function = Wrapped(layer, row, wrap, low, high)
        word = wrapped_word(net, function, terms, constant)
        return word or _difference(*(neuron(net, layer, each, sums) for each in (row, wrap.h)), function)
    if layer.thresholds is None:
        signed, width = low < 0, max((-low - 1 if low < 0 else 0).bit_length(), high.bit_length(), 1) + (low < 0)
        word = Word.binary(compress(net, terms, constant, width), signed)
        return Word(word.terms, 0, low, high)
    odt = DataType[layer.odt]
    step = 2 if layer.odt == "BIPOLAR" else 1
    always, thresholds = activation.reachable(layer.thresholds[row], low, high)
    least = int(odt.min()) + step * always
    if not thresholds:
        return Word((), least, least, least)
    if len(terms) <= LUT_INPUTS:
        reached = tabulate(net, terms, constant, thresholds)
    elif np.count_nonzero(layer.weights[row]) == 1 and len(terms) > DIRECT_INPUTS:  # narrower ones gain little
        reached = even_steps.reached(net, terms, constant, tuple(thresholds), low, high)
    else:
        chosen = affine.choose(thresholds, low, high)
        reached = chosen.apply(net, compress(net, terms, constant - chosen.origin, chosen.width, either=True))
    return Word(tuple((bit, step << i) for i, bit in enumerate(reached)), least, least, least + step * len(thresholds))


def _difference(u: Word, h: Word, function: Wrapped) -> Word:
    """u - 2**bits * h, where nothing less can be had."""
    span = 1 << function.wrap.bits
    terms = (*u.terms, *((literal, -span * weight) for literal, weight in h.terms))
    return Word(terms, u.constant - span * h.constant, *function.range())


def tabulate(net: Netlist, terms: dict[int, int], constant: int, thresholds: list[int]) -> list[int]:
    """Literals of the number of ascending thresholds that the sum of `terms` and `constant` reaches: a LUT each."""
    sums = [constant + sum(weight for i, weight in enumerate(terms.values()) if value >> i & 1) for value in range(1 << len(terms))]
    counts = [bisect_right(thresholds, total) for total in sums]
    return [net.function(list(terms), sum((count >> bit & 1) << value for value, count in enumerate(counts)))
            for bit in range(len(thresholds).bit_length())]


def accumulator(weights, bias: int, words: list[Word]) -> tuple[dict[int, int], int]:
    """(terms, constant) of weights @ words + bias: bits with their weights."""
    terms: dict[int, int] = defaultdict(int)
    constant = bias
    for weight, word in zip(weights.tolist(), words):
        if weight == 0:
            continue
        constant += weight * word.constant
        for literal, scale in word.terms:
            if literal > 1:
                terms[literal & ~1] += -weight * scale if literal & 1 else weight * scale
            if literal & 1:
                constant += weight * scale
    return {literal: weight for literal, weight in terms.items() if weight}, constant


def bounds(weights, bias: int, words: list[Word]) -> tuple[int, int]:
    """The least and the greatest value of weights @ words + bias."""
    ends = [sorted((weight * word.low, weight * word.high)) for weight, word in zip(weights.tolist(), words)]
    return bias + sum(low for low, _ in ends), bias + sum(high for _, high in ends)


def encode(net: Netlist, word: Word, datatype: str) -> list[int]:
    """The bits of a value in a FINN datatype: two's complement or unsigned; BIPOLAR is one bit, 0 for -1."""
    odt = DataType[datatype]
    if datatype == "BIPOLAR":
        return [word.terms[0][0]] if word.terms else [int(word.constant > 0)]
    width = odt.bitwidth()
    if word.constant == 0 and all(weight == 1 << i or weight == -1 << i for i, (_, weight) in enumerate(word.terms)):
        literals = [literal for literal, _ in word.terms]
        signed = bool(word.terms) and word.terms[-1][1] < 0
        return (literals + [literals[-1] if signed else 0] * width)[:width]
    literals = [literal for literal, _ in word.terms]
    values = [word.constant + sum(w for i, (_, w) in enumerate(word.terms) if v >> i & 1) for v in range(1 << len(literals))]
    return [net.function(literals, sum((value >> bit & 1) << v for v, value in enumerate(values))) for bit in range(width)]
