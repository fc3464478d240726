"""Which stage of a pipeline each node of a netlist works in.

Mostly as soon as it can: the word of an adder then waits in registers for those that read it, and what it adds, which is wider, does
not. Where what it adds is kept for others anyway, only its own word costs registers, and a later stage has fewer of them. Moving such
nodes (retiming; the latency stays) saves the 3 % of a network's flip-flops that a linear programme over all stages finds, in hundredths
of a second, and more in bit planes, where many rows read the same inputs.
"""

from __future__ import annotations

from collections.abc import Sequence

from finn_steps.rtl.netlist import Netlist

SWEEPS = 4
"""A move makes others worth while; after a few sweeps nothing moves any more."""


def schedule(net: Netlist, registers_every: int) -> list[int]:
    """The stage of each node, 0 for those that read the inputs: as soon as possible."""
    return [max(0, node.unit - 1) // registers_every for node in net.nodes]


def retimed(net: Netlist, outputs: Sequence[int], registers_every: int, read_in: int | None = None) -> list[int]:
    """The stage of each node, for fewer registers than as soon as possible, by moves of single nodes: `registers_every` nodes in series
    between two registers, at most. The outputs (literals) go into registers, all of one stage; with `read_in` they go into one more
    node, of that stage."""
    return _Pipeline(net, outputs, registers_every, read_in).stages


class _Pipeline:
    """units: when each node is done, from 1; stages: where. readers[signal]: the nodes that read it; kept: signals that leave, in the
    stage `last`, done in unit `end`."""

    def __init__(self, net: Netlist, outputs: Sequence[int], registers_every: int, read_in: int | None):
        self.net, self.every = net, registers_every
        self.units = [node.unit for node in net.nodes]
        self.stages = schedule(net, registers_every)
        self.kept = {literal >> 1 for literal in outputs if literal > 1}
        self.last = max((self.stages[net.driver[signal]] for signal in self.kept), default=0) if read_in is None else read_in
        self.end = registers_every * (self.last + 1) - (read_in is not None)
        self.reads = [node.reads for node in net.nodes]
        self.delays = [node.unit - max((net.nodes[net.driver[signal]].unit for signal in reads), default=0)
                       for node, reads in zip(net.nodes, self.reads)]
        self.readers: list[list[int]] = [[] for _ in net.driver]
        self.alive = [False] * len(net.nodes)
        for index in reversed(range(len(net.nodes))):
            node = net.nodes[index]
            self.alive[index] = any(self.readers[s] or s in self.kept for s in range(node.first, node.first + node.outputs))
            if self.alive[index]:
                for signal in self.reads[index]:
                    self.readers[signal].append(index)
        for _ in range(SWEEPS):
            moved = [index for index in reversed(range(len(net.nodes))) if self._move(index)]
            if not moved:
                break

    def _move(self, index: int) -> bool:
        """Move a node to the latest stage that saves most registers; whether it moved."""
        node = self.net.nodes[index]
        if node.kind == "input" or not self.alive[index]:
            return False
        signals = range(node.first, node.first + node.outputs)
        latest = min([self.units[reader] - self.delays[reader] for signal in signals for reader in self.readers[signal]]
                     + [self.end] * any(signal in self.kept for signal in signals))
        now, end = self.stages[index], max(0, latest - 1) // self.every
        best, gained = now, 0
        if end > now:
            wide = sum(1 for signal in signals if self.readers[signal] or signal in self.kept)
            others = [self._needed(signal, index) for signal in self.reads[index]]
            for stage in range(now + 1, end + 1):
                gain = wide * (stage - now) - sum(max(0, stage - max(now, other)) for other in others)
                if gain > gained:
                    best, gained = stage, gain
        if best == now:
            return False
        self.stages[index], self.units[index] = best, min(latest, self.every * (best + 1))
        return True

    def _needed(self, signal: int, without: int) -> int:
        """The last stage in which a signal is read by others."""
        if signal in self.kept:
            return self.last
        return max((self.stages[reader] for reader in self.readers[signal] if reader != without), default=-1)
