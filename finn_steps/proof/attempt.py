"""All layers of a design: their boundaries guessed, and each proved to give what those after it rely on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.proof.boundary import Boundary
from finn_steps.proof.evaluate import cone
from finn_steps.proof.graph import Graph, literal_of, node_of
from finn_steps.proof.label import prove_label
from finn_steps.proof.layer import LayerProof
from finn_steps.proof.limits import Deadline, NotUnderstood
from finn_steps.proof.rows import Rows, pairs_of, with_pairs
from finn_steps.proof.samples import layer_samples
from finn_steps.proof.specification import twos_complement

ROUNDS = 10
MOST_NODES = 300_000


@dataclass(frozen=True)
class Proof:
    """proved: names of layers; not_proved: name -> why not."""

    proved: tuple[str, ...]
    not_proved: dict[str, str]


def prove_layers(graph: Graph, outputs: list[list[int]], accelerator: Accelerator, inputs: Boundary, deadline: Deadline) -> Proof:
    """Guess where the layers are and prove the guesses: first by values too that no frame brings about (`free`), then without those; so far
    as if a neuron's logic read nothing else than the neuron, at last without that, too (`loose`). No other is tried once half of the time is
    over."""
    proofs = []
    for loose, free in ((False, True), (False, False), (True, False)):
        proofs.append(_guess_and_prove(graph, outputs, accelerator, inputs, deadline, loose, layer_samples(accelerator, free)))
        if not proofs[-1].not_proved or deadline.half_over:
            break
    return max(proofs, key=lambda proof: len(proof.proved))


def _guess_and_prove(graph: Graph, outputs: list[list[int]], accelerator: Accelerator, inputs: Boundary, deadline: Deadline,
                     loose: bool, samples: list[np.ndarray]) -> Proof:
    """Guesses that fail are not made again, ROUNDS times, or until half of the time is over; of all attempts the one that proves the most."""
    refused: dict[str, set[tuple[int, int]]] = {layer.name: set() for layer in accelerator.layers}
    attempts: list[_Attempt] = []
    while len(attempts) < ROUNDS:
        attempts.append(_Attempt(graph, outputs, accelerator, inputs, refused, deadline, loose, samples))
        attempts[-1].run()
        if not attempts[-1].failed or deadline.half_over:
            break
        for layer, nodes in attempts[-1].failed.items():
            refused[layer] |= nodes
    best, first = min(attempts, key=lambda attempt: len(attempt.reasons)), attempts[0]
    reasons = {name: first.reasons.get(name, reason) for name, reason in best.reasons.items()}
    return Proof(tuple(layer.name for layer in accelerator.layers if layer.name not in reasons), reasons)


class _Attempt:
    """One guess of all boundaries. reasons: layer -> why it is not proved; failed: layer -> (node, row) that were taken for its
    outputs and could not be proved to be."""

    def __init__(self, graph: Graph, outputs: list[list[int]], accelerator: Accelerator, inputs: Boundary, refused: dict,
                 deadline: Deadline, loose: bool, samples: list[np.ndarray]):
        self.graph, self.outputs, self.accelerator, self.deadline = graph, outputs, accelerator, deadline
        self.reasons: dict[str, str] = {}
        self.failed: dict[str, set[tuple[int, int]]] = {}
        order = cone(graph, [node_of(literal) for word in outputs for literal in word], lambda node: False)
        if len(order) > MOST_NODES:
            raise NotUnderstood(f"too large: {len(order)} functions, the limit is {MOST_NODES}")
        boundary, self.proofs = inputs, []
        self.after: list[Boundary] = []
        pairs = ()
        for layer, following, integers in zip(accelerator.layers, [*accelerator.layers[1:], None], samples):
            deadline.check()
            rows = Rows(layer, pairs_of(layer, following))
            self.proofs.append(LayerProof(graph, rows, boundary, order, with_pairs(integers, pairs), deadline))
            boundary, pairs = self.proofs[-1].boundary(refused[layer.name], loose), rows.pairs
            self.after.append(boundary)

    def run(self) -> None:
        """From the outputs to the inputs: each layer must give what those after it rely on."""
        wanted, complete = self._outputs()
        for proof, after in zip(reversed(self.proofs), reversed(self.after)):
            name, last = proof.layer.name, proof is self.proofs[-1]
            if not last:
                wanted = self._relied_on(proof, after)
            reasons = self._prove(proof, wanted, (not last or self._labels) and not self.failed)
            if not complete:
                reasons += self._whole(proof, after)
            if reasons:
                more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
                self.reasons[name] = self.reasons.get(name, reasons[0] + more)
            complete = complete and name not in self.reasons

    @property
    def _labels(self) -> bool:
        return self.accelerator.labels is not None

    def _outputs(self) -> tuple[dict[int, list], bool]:
        """What the last layer must give, and whether that is all that matters of it."""
        last = self.proofs[-1]
        if not self._labels:
            code = twos_complement(self.accelerator.odt)
            return {row: [(literal, code, index) for index, literal in enumerate(word)] for row, word in enumerate(self.outputs)}, True
        try:
            prove_label(self.graph, self.outputs[0], self.after[-1], self.accelerator.labels)
        except NotUnderstood as reason:
            self.reasons[last.layer.name] = str(reason)
        return self._relied_on(last, self.after[-1]), last.layer.name not in self.reasons

    @staticmethod
    def _relied_on(proof: LayerProof, after: Boundary) -> dict[int, list]:
        wanted = defaultdict(list)
        for node, bit in sorted(after.used, key=lambda pair: pair[0]):
            wanted[bit.row].append((literal_of(node) ^ bit.inverted, proof.neurons[bit.row].codes[bit.code], bit.index))
        return wanted

    def _whole(self, proof: LayerProof, after: Boundary) -> list[str]:
        """Where it is not known what is read of a layer, a whole spelling of each neuron must be there, and right; of two rows that are a
        pair, theirs or that of the pair."""
        reasons, spelled_of = [], {neuron.row: after.spelled(neuron.row) for neuron in proof.neurons}
        as_pair = {row: pair for row, pair in after.pairs.items() if spelled_of[pair.u] is None or spelled_of[pair.h] is None}
        left_out = {row for pair in as_pair.values() for row in (pair.u, pair.h)} | (after.pairs.keys() - as_pair.keys())
        for neuron in proof.neurons:
            spelled = spelled_of[neuron.row]
            if neuron.row in left_out:
                continue
            if spelled is None:
                reasons.append(f"{neuron.name}: its output is not to be found in the design")
            else:
                reasons += self._prove(proof, {neuron.row: spelled}, False)
        return reasons

    def _prove(self, proof: LayerProof, wanted: dict[int, list], guessed: bool) -> list[str]:
        reasons = []
        for row, bits in sorted(wanted.items()):
            self.deadline.check()
            try:
                proof.prove(row, bits)
            except NotUnderstood as reason:
                reasons.append(str(reason))
                if guessed:
                    self.failed.setdefault(proof.layer.name, set()).update(self._guilty(proof, row, bits))
        return reasons

    @staticmethod
    def _guilty(proof: LayerProof, row: int, bits: list) -> set[tuple[int, int]]:
        """Of the nodes that were taken for bits of a row, those that fail by themselves."""
        guilty = set()
        for bit in bits:
            try:
                proof.prove(row, [bit])
            except NotUnderstood:
                guilty.add((node_of(bit[0]), row))
        return guilty
