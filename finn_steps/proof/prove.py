"""Translation validation: the emitted Verilog computes what the Accelerator's integers say, for every input of the input
datatype."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finn_steps.accelerator import Accelerator
from finn_steps.accelerator.stream import StreamFormat
from finn_steps.proof.evaluate import cone
from finn_steps.proof.frames import Pattern, run_frames
from finn_steps.proof.graph import Graph, literal_of, node_of
from finn_steps.proof.label import prove_label
from finn_steps.proof.layer import Bit, Boundary, LayerProof
from finn_steps.proof.limits import Deadline, NotUnderstood
from finn_steps.proof.netlist import Netlist, read_netlist
from finn_steps.proof.samples import layer_samples
from finn_steps.proof.specification import input_code, input_sources, twos_complement

TOP = "finn_accel"
ROUNDS = 10
SECONDS, PATIENT_SECONDS = 20, 120
"""Of CPU time that a build spends on the proof, and one that requires it."""
MOST_NODES = 300_000
BACK_TO_BACK = Pattern("back to back")


@dataclass(frozen=True)
class Proof:
    """proved: names of layers; not_proved: name -> why not."""

    proved: tuple[str, ...]
    not_proved: dict[str, str]


def prove(rtl_folder: Path | str, accelerator: Accelerator, seconds: float = SECONDS) -> Proof:
    """Read an RTL folder back and prove its layers, in at most about so many seconds of CPU time.

    What is proved: from any state before a reset, frames that come back to back and whose answers are taken at once are all
    answered as the layers say, whatever they hold, and TLAST with them, for ever: the state is run until it recurs. A layer is
    proved if every bit that the layers after it read of its outputs is what its weights, bias and thresholds say, for all values
    that its inputs can take: of the first layer, all in their ranges. Where nothing waits (interface valid) the frames come as often as
    design.json says, and all are answered after the same time.
    """
    deadline = Deadline(seconds)
    try:
        netlist, (into, out) = read_netlist(rtl_folder, TOP), streams_of(rtl_folder, accelerator)
        check_widths(netlist, into, out)
        graph = Graph()
        pattern = BACK_TO_BACK if accelerator.interface == "stream" else Pattern.every(cycles_of(rtl_folder))
        answers = run_frames(netlist, graph, pattern, into.beats, out.beats, deadline, assumed_bits(graph, accelerator, into))
        if accelerator.interface == "stream":
            check_last(graph, answers, into, out)
        return prove_layers(graph, outputs_of(answers, out), accelerator, input_boundary(graph, accelerator, into), deadline)
    except NotUnderstood as reason:
        return Proof((), {layer.name: str(reason) for layer in accelerator.layers})
    except Exception as error:  # a checker that fails has proved nothing; the build is told so, and goes on
        reason = f"the checker itself failed ({type(error).__name__}: {' '.join(str(error).split())})"
        return Proof((), {layer.name: reason for layer in accelerator.layers})


def cycles_of(rtl_folder: Path | str) -> int:
    """From frame to frame, as design.json says."""
    return json.loads((Path(rtl_folder) / "design.json").read_text())["ii"]


def streams_of(rtl_folder: Path | str, accelerator: Accelerator) -> tuple[StreamFormat, StreamFormat]:
    """How frames of the accelerator's datatypes travel in and out: design.json says in how many lanes."""
    description = json.loads((Path(rtl_folder) / "design.json").read_text())
    return (StreamFormat.of(accelerator.idt, accelerator.MW, description["input_stream"]["lanes"]),
            StreamFormat.of(accelerator.odt, accelerator.MH, description["output_stream"]["lanes"]))


def check_widths(netlist: Netlist, into: StreamFormat, out: StreamFormat) -> None:
    """The data ports are as wide as the streams' beats."""
    for port, stream in (("s_axis_0_tdata", into), ("m_axis_0_tdata", out)):
        width = len(netlist.ports[port][1])
        if width != 8 * stream.bytes:
            raise NotUnderstood(f"{port} has {width} bits, a beat {8 * stream.bytes}")


def check_last(graph: Graph, answers, into: StreamFormat, out: StreamFormat) -> None:
    """TLAST of an answer's last beat is that of its frame's last beat; of the others it is low."""
    expected = [0] * (out.beats - 1) + [graph.input((into.beats - 1, "last"))]
    if answers.last != expected:
        raise NotUnderstood("m_axis_0_tlast of the last beat of an answer is not s_axis_0_tlast of the last beat of its frame")


def outputs_of(answers, stream: StreamFormat) -> list[list[int]]:
    """The literals of each integer of an answer, the least significant first."""
    return [answers.data[i // stream.lanes][i % stream.lanes * stream.bits:][:stream.bits] for i in range(stream.elements)]


def input_boundary(graph: Graph, accelerator: Accelerator, into: StreamFormat) -> Boundary:
    """The bits of the frames that come in: of each input those that it has."""
    sources = input_sources(accelerator.layers[0])
    boundary = Boundary(sources, [{"datatype": input_code(source)} for source in sources])
    for element, source in enumerate(sources):
        for index in range(len(input_code(source).weights)):
            node = node_of(graph.input(place_of(into, element, index)))
            boundary.bits[node] = [Bit(element, "datatype", index)]
    return boundary


def assumed_bits(graph: Graph, accelerator: Accelerator, into: StreamFormat) -> dict[tuple[int, int], int]:
    """The bits that an input does not have: copies of its sign, or zeros; those of one that is always the same are its value's."""
    assumed = {}
    for element, source in enumerate(input_sources(accelerator.layers[0])):
        width = len(input_code(source).weights)
        for index in range(width, into.bits):
            sign = graph.input(place_of(into, element, width - 1)) if width and source.low < 0 else 0
            assumed[place_of(into, element, index)] = sign if width else source.low >> index & 1
    return assumed


def place_of(into: StreamFormat, element: int, index: int) -> tuple[int, int]:
    """(beat, bit) of bit `index` of an input."""
    beat, lane = divmod(element, into.lanes)
    return beat, lane * into.bits + index


def prove_layers(graph: Graph, outputs: list[list[int]], accelerator: Accelerator, inputs: Boundary, deadline: Deadline) -> Proof:
    """Guess where the layers are and prove the guesses: first as if a neuron's logic read nothing else than the neuron; then without
    that (`loose`)."""
    proofs, samples = [], layer_samples(accelerator)
    for loose in (False, True):
        proofs.append(_guess_and_prove(graph, outputs, accelerator, inputs, deadline, loose, samples))
        if not proofs[-1].not_proved:
            break
    return max(proofs, key=lambda proof: len(proof.proved))


def _guess_and_prove(graph: Graph, outputs: list[list[int]], accelerator: Accelerator, inputs: Boundary, deadline: Deadline,
                     loose: bool, samples: list[np.ndarray]) -> Proof:
    """Guesses that fail are not made again, ROUNDS times."""
    refused: dict[str, set[tuple[int, int]]] = {layer.name: set() for layer in accelerator.layers}
    first = None
    for _ in range(ROUNDS):
        attempt = _Attempt(graph, outputs, accelerator, inputs, refused, deadline, loose, samples)
        attempt.run()
        first = first or attempt
        if not attempt.failed:
            break
        for layer, nodes in attempt.failed.items():
            refused[layer] |= nodes
    reasons = {name: first.reasons.get(name, reason) for name, reason in attempt.reasons.items()}
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
        for layer, integers in zip(accelerator.layers, samples):
            deadline.check()
            self.proofs.append(LayerProof(graph, layer, boundary, order, integers))
            boundary = self.proofs[-1].boundary(refused[layer.name], loose)
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
            code = twos_complement(last.layer.odt)
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
        """Where it is not known what is read of a layer, a whole spelling of each neuron must be there, and right."""
        reasons = []
        for neuron in proof.neurons:
            spelled = after.spelled(neuron.row)
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
