"""Translation validation: the emitted Verilog computes what the Accelerator's integers say, for every input of the input datatype."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from finn_steps.accelerator import Accelerator
from finn_steps.proof.cells import NotUnderstood
from finn_steps.proof.evaluate import cone
from finn_steps.proof.frames import Pattern, run_frames
from finn_steps.proof.graph import Graph, literal_of, node_of
from finn_steps.proof.layer import Bit, Boundary, LayerProof, Wrong
from finn_steps.proof.netlist import read_netlist
from finn_steps.proof.specification import input_sources, twos_complement

ROUNDS = 6
BACK_TO_BACK = Pattern("back to back")


@dataclass(frozen=True)
class Proof:
    """proved: names of layers; not_proved: name -> why not. refuted: those of the latter that were seen to differ."""

    proved: tuple[str, ...]
    not_proved: dict[str, str]
    refuted: tuple[str, ...] = ()
    patterns: tuple[str, ...] = field(default=())


def prove(rtl_folder: Path | str, accelerator: Accelerator, most_cycles: int = 20_000) -> Proof:
    """Read an RTL folder back and prove its layers."""
    try:
        netlist = read_netlist(rtl_folder, "finn_accel")
        graph = Graph()
        answers = run_frames(netlist, graph, BACK_TO_BACK, accelerator.input_stream.beats, accelerator.output_stream.beats, most_cycles)
        check_last(graph, answers, accelerator)
    except NotUnderstood as reason:
        return Proof((), {layer.name: str(reason) for layer in accelerator.layers})
    return prove_layers(graph, outputs_of(answers, accelerator), accelerator)


def check_last(graph: Graph, answers, accelerator: Accelerator) -> None:
    """TLAST of an answer's last beat is that of its frame's last beat; of the others it is low."""
    expected = [0] * (accelerator.output_stream.beats - 1) + [graph.input((accelerator.input_stream.beats - 1, "last"))]
    if answers.last != expected:
        raise NotUnderstood("m_axis_0_tlast of the last beat of an answer is not s_axis_0_tlast of the last beat of its frame")


def outputs_of(answers, accelerator: Accelerator) -> list[list[int]]:
    """The literals of each integer of an answer, the least significant first."""
    stream = accelerator.output_stream
    flat = [answers.data[i // stream.lanes][i % stream.lanes * stream.bits:][:stream.bits] for i in range(stream.elements)]
    return flat


def input_boundary(graph: Graph, accelerator: Accelerator) -> Boundary:
    """The bits of the frames that come in."""
    stream, code = accelerator.input_stream, twos_complement(accelerator.idt)
    boundary = Boundary(input_sources(accelerator.idt, stream.elements), [{"datatype": code}] * stream.elements)
    for element in range(stream.elements):
        beat, lane = divmod(element, stream.lanes)
        for index in range(stream.bits):
            node = node_of(graph.input((beat, lane * stream.bits + index)))
            boundary.bits[node] = [Bit(element, "datatype", index)]
    return boundary


def prove_layers(graph: Graph, outputs: list[list[int]], accelerator: Accelerator) -> Proof:
    """Guess where the layers are, prove the guesses; guesses that fail are not made again, ROUNDS times."""
    refused: dict[str, set[tuple[int, int]]] = {layer.name: set() for layer in accelerator.layers}
    for _ in range(ROUNDS):
        attempt = _Attempt(graph, outputs, accelerator, refused)
        attempt.run()
        if not attempt.failed:
            break
        for layer, nodes in attempt.failed.items():
            refused[layer] |= nodes
    names = [layer.name for layer in accelerator.layers]
    return Proof(tuple(name for name in names if name not in attempt.reasons), attempt.reasons, tuple(attempt.refuted))


class _Attempt:
    """One guess of all boundaries. reasons: layer -> why it is not proved; failed: layer -> nodes that were taken for its outputs and
    could not be proved to be."""

    def __init__(self, graph: Graph, outputs: list[list[int]], accelerator: Accelerator, refused: dict[str, set[tuple[int, int]]]):
        self.outputs, self.accelerator = outputs, accelerator
        self.reasons: dict[str, str] = {}
        self.failed: dict[str, set[tuple[int, int]]] = {}
        self.refuted: dict[str, None] = {}
        order = cone(graph, [node_of(literal) for word in outputs for literal in word], lambda node: False)
        boundary, self.proofs = input_boundary(graph, accelerator), []
        for layer in accelerator.layers:
            self.proofs.append(LayerProof(graph, layer, boundary, order))
            boundary = self.proofs[-1].boundary(refused[layer.name])

    def run(self) -> None:
        last = self.proofs[-1]
        code = twos_complement(last.layer.odt)
        wanted = {row: [(literal, code, index) for index, literal in enumerate(word)] for row, word in enumerate(self.outputs)}
        for place in reversed(range(len(self.proofs))):
            proof = self.proofs[place]
            self._prove(proof, wanted, proof is not last)
            wanted = defaultdict(list)
            for node, bit in proof.before.used if place else ():
                code = self.proofs[place - 1].neurons[bit.row].codes[bit.code]
                wanted[bit.row].append((literal_of(node) ^ bit.inverted, code, bit.index))

    def _prove(self, proof: LayerProof, wanted: dict[int, list], guessed: bool) -> None:
        name, reasons = proof.layer.name, []
        for row, bits in sorted(wanted.items()):
            try:
                proof.prove(row, bits)
            except NotUnderstood as reason:
                reasons.append(str(reason))
                if isinstance(reason, Wrong):
                    self.refuted[name] = None
                if guessed:
                    self.failed.setdefault(name, set()).update(self._guilty(proof, row, bits))
        if reasons:
            self.reasons[name] = reasons[0] + (f" (and {len(reasons) - 1} more neurons)" if len(reasons) > 1 else "")

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
