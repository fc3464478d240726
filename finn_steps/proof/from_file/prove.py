"""The integers of an Accelerator against the file that they were read from, for all inputs, in exact rational arithmetic.

Which row of which layer of the file is a row of the Accelerator is found by its weights: neurons that were merged, or removed because
they always answer the same, need no telling. A row is proved if the file's weights are one multiple of its integers, and the file's
operators behind the sum, monotone all of them, give a level that is one affine function of its output at both sides of every
threshold and at both ends of what its accumulator can reach. What is affine goes on to the next layer as factor and offset.

Accumulators that the rounding of float32 could carry over a step, whatever the order of summation, are listed: there the file itself,
executed in floats, may answer either way, and the integers may be either of the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.proof.from_file.inputs import input_feeds, word_feeds, words_layer
from finn_steps.proof.from_file.layer import Layer, Proof, Undecided
from finn_steps.proof.from_file.operators import input_quantiser
from finn_steps.proof.from_file.reading import read_chain
from finn_steps.proof.limits import Deadline, NotUnderstood

SECONDS = 20


@dataclass(frozen=True)
class FileProof:
    """proved: names of layers; not_proved: name -> why not; undecided: accumulators in float rounding of a step."""

    proved: tuple[str, ...]
    not_proved: dict[str, str]
    undecided: tuple[Undecided, ...] = ()


def prove_file(path: Path | str, accelerator: Accelerator, seconds: float = SECONDS, input_quant=None) -> FileProof:
    """Hold the Accelerator's integers to the file, in at most about so many seconds of CPU time. input_quant: with the fields bits,
    scale, zero_point and signed, how float inputs are quantised where the build was told so."""
    names, deadline = [layer.name for layer in accelerator.layers], Deadline(seconds)
    try:
        chain = read_chain(path, deadline)
        if input_quant is not None:
            chain.head[:0] = input_quantiser(input_quant.bits, input_quant.scale, input_quant.zero_point, input_quant.signed, chain.features)
        return _through(Proof(chain, accelerator, deadline, []))
    except NotUnderstood as reason:
        return FileProof((), dict.fromkeys(names, str(reason)))
    except Exception as error:  # a checker that fails has proved nothing; the build is told so, and goes on
        reason = f"the checker itself failed ({type(error).__name__}: {' '.join(str(error).split())})"
        return FileProof((), dict.fromkeys(names, reason))


def _through(proof: Proof) -> FileProof:
    """All layers, from the input on."""
    accelerator, file = proof.accelerator, proof.chain.layers
    if accelerator.input_fixed is not None:
        file = [words_layer(proof.chain), *file]
    if len(file) != len(accelerator.layers):
        raise NotUnderstood(f"the file has {len(file)} layers, the accelerator {len(accelerator.layers)}")
    feeds = input_feeds(proof.chain, accelerator) if accelerator.input_fixed is None else word_feeds(accelerator, proof.chain.features)
    for ours, theirs in zip(accelerator.layers[:-1], file):
        feeds = Layer(theirs, ours, feeds, proof).feeds()
    lost = Layer(file[-1], accelerator.layers[-1], feeds, proof).answers()
    names = [layer.name for layer in accelerator.layers]
    if lost is None:
        return FileProof(tuple(names), {}, tuple(proof.undecided))
    layer, reason = lost
    place = names.index(layer)
    after = dict.fromkeys(names[place + 1:], f"{layer} in front of it is not proved")
    kept = tuple(each for each in proof.undecided if each.layer in names[:place])
    return FileProof(tuple(names[:place]), {layer: reason, **after}, kept)
