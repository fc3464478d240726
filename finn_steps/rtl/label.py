"""The label of the greatest of several words: a tournament of comparing carry chains."""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType

from finn_steps.rtl.core import Core
from finn_steps.rtl.netlist import Netlist
from finn_steps.rtl.pipeline import pipeline

NOT, SELECT = 0b01, 0b11001010
"""Tables: the complement of a bit; of the bits (a, b, which) b where `which`, else a."""


def label_core(elements: int, datatype: str, labels: np.ndarray, module: str, registers_every: int) -> Core:
    """A Core from a frame of `elements` words of `datatype` to labels[i] of the first greatest word i."""
    net = Netlist()
    width = DataType[datatype].bitwidth()
    bits = net.input(width * elements)
    words = [bits[width * i: width * (i + 1)] for i in range(elements)]
    return pipeline(net, greatest(net, words, DataType[datatype].signed(), labels), module, len(bits), registers_every)


def greatest(net: Netlist, words: list[list[int]], signed: bool, labels: np.ndarray) -> list[int]:
    """Literals of labels[i] for the first greatest of `words`, literals of equal width each, least significant first."""
    size = max(1, int(max(labels)).bit_length())
    entries = [(word, [int(label) >> bit & 1 for bit in range(size)]) for word, label in zip(words, labels)]
    while len(entries) > 1:
        pairs = [entries[i:i + 2] for i in range(0, len(entries), 2)]
        final = len(pairs) == 1
        entries = [_winner(net, *pair, signed, final) if len(pair) == 2 else pair[0] for pair in pairs]
    return entries[0][1]


def _winner(net: Netlist, a, b, signed: bool, final: bool):
    (word_a, label_a), (word_b, label_b) = a, b
    second = exceeds(net, word_b, word_a, signed)
    label = [net.function([x, y, second], SELECT) for x, y in zip(label_a, label_b)]
    return ([] if final else [net.function([x, y, second], SELECT) for x, y in zip(word_a, word_b)]), label


def exceeds(net: Netlist, b: list[int], a: list[int], signed: bool) -> int:
    """The literal of b > a: the carry out of b + ~a. The sign bits of two's complement change places."""
    chain, other = list(b), list(a)
    if signed:
        chain[-1], other[-1] = a[-1], b[-1]
    chain = [net.inverter(literal) if literal & 1 and literal > 1 else literal for literal in chain]
    return net.adder([*chain, 0], [*(((literal,), NOT) for literal in other), ((), 0)])[-1]
