"""Runs a netlist cycle by cycle on literals of a Graph: control is concrete where it depends on no data, data stay symbolic."""

from __future__ import annotations

from heapq import heappop, heappush

from finn_steps.proof.cells import evaluator
from finn_steps.proof.graph import FRAME, FRAME_BITS, FRAMED, Graph
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.netlist import Cell, Netlist

NOW = 1 << FRAME_BITS - 1
"""The number of the frame that comes in now, in the literals of a Machine: older ones have lesser numbers. So a pipeline that goes on
carries the same literals in every cycle, and only what changes is computed."""


class Machine:
    """A netlist with one clock and its state. Registers begin as free bits, so what holds does so from every state before a
    reset; memories begin with what the design initialises them to, else with free bits."""

    def __init__(self, netlist: Netlist, graph: Graph, clock: str):
        self.netlist, self.graph = netlist, graph
        self.clock = netlist.ports[clock][1]
        self.values = [0, 1, *[0] * (netlist.nets - 2)]
        for net in netlist.unknown:
            self.values[net] = graph.free(("undriven", net))
        registers = [cell for cell in netlist.cells if cell.type == "$dff"]
        self.memories = [_Memory(cell, graph, self.clock) for cell in netlist.cells if cell.type == "$mem_v2"]
        for cell in registers:
            if cell.connections["CLK"] != self.clock or not cell.parameters["CLK_POLARITY"]:
                raise NotUnderstood(f"cell {cell.where} is not clocked by {clock}")
        self.sources = [net for cell in registers for net in cell.connections["D"]]
        self.targets = [net for cell in registers for net in cell.connections["Q"]]
        for net in self.targets:
            self.values[net] = graph.free(("register", netlist.names.get(net, net)))
        self.steps = _in_order(netlist, self.memories)
        self.readers: list[list[int]] = [[] for _ in range(netlist.nets)]
        for index, step in enumerate(self.steps):
            for net in dict.fromkeys(step.reads):
                self.readers[net].append(index)
        self.reading = {memory: [index for index, step in enumerate(self.steps) if getattr(step, "memory", None) is memory]
                        for memory in self.memories}
        self.waiting = list(range(len(self.steps)))
        self.waits = [True] * len(self.steps)

    def _call(self, steps: list[int]) -> None:
        """To be computed when the wires settle."""
        for index in steps:
            if not self.waits[index]:
                self.waits[index] = True
                heappush(self.waiting, index)

    def _put(self, net: int, literal: int) -> None:
        if self.values[net] != literal:
            self.values[net] = literal
            self._call(self.readers[net])

    def set(self, port: str, literals: list[int]) -> None:
        for net, literal in zip(self.netlist.ports[port][1], literals):
            self._put(net, literal)

    def get(self, port: str) -> list[int]:
        return [self.values[net] for net in self.netlist.ports[port][1]]

    def settle(self) -> None:
        """All wires, from the state and the ports."""
        values, graph = self.values, self.graph
        while self.waiting:
            index = heappop(self.waiting)
            self.waits[index] = False
            step = self.steps[index]
            for net, literal in zip(step.drives, step.run(values, graph)):
                self._put(net, literal)

    def clock_edge(self, frames: int) -> None:
        """The state of the next cycle; `frames`: how many frames later that is, none or one."""
        values = self.values
        following = [aged(values[net], frames) for net in self.sources] if frames else [values[net] for net in self.sources]
        for memory in self.memories:
            if memory.write(values, self.graph) | memory.age(frames):
                self._call(self.reading[memory])
        for net, literal in zip(self.targets, following):
            if values[net] != literal:
                self._put(net, literal)

    def state(self) -> tuple[int, ...]:
        """Of all registers and memories."""
        stored = [literal for memory in self.memories if memory.writes for word in memory.words for literal in word]
        return tuple([*(self.values[net] for net in self.targets), *stored])


def aged(literal: int, frames: int) -> int:
    """The same so many frames later."""
    if not literal & FRAMED:
        return literal
    if not literal & FRAME:
        raise NotUnderstood(f"something is kept for more than {NOW} frames")
    return literal - (frames << 2)


class _Not:
    """One bit."""

    def __init__(self, cell: Cell):
        self.reads, self.drives = cell.connections["A"], cell.connections["Y"]
        (self.a,) = self.reads

    def run(self, values: list[int], graph: Graph) -> tuple[int]:
        return values[self.a] ^ 1,


class _Gate:
    """A cell of two one-bit inputs."""

    def __init__(self, cell: Cell):
        self.make = {"$and": Graph.and_, "$or": Graph.or_, "$xor": Graph.xor}[cell.type]
        self.reads = self.a, self.b = cell.connections["A"] + cell.connections["B"]
        self.drives = cell.connections["Y"]

    def run(self, values: list[int], graph: Graph) -> tuple[int]:
        return self.make(graph, values[self.a], values[self.b]),


class _Mux:
    """Of one bit."""

    def __init__(self, cell: Cell):
        self.reads = self.s, self.a, self.b = cell.connections["S"] + cell.connections["A"] + cell.connections["B"]
        self.drives = cell.connections["Y"]

    def run(self, values: list[int], graph: Graph) -> tuple[int]:
        return graph.mux(values[self.s], values[self.a], values[self.b]),


_PLAIN = {"$not": _Not, "$and": _Gate, "$or": _Gate, "$xor": _Gate, "$mux": _Mux}


class _Word:
    """Any other combinational cell; what it made of the same inputs before it makes again."""

    def __init__(self, cell: Cell):
        self.compute = evaluator(cell)
        self.ports = [port for port in cell.connections if port != "Y"]
        self.sizes = [len(cell.connections[port]) for port in self.ports]
        self.reads = [net for port in self.ports for net in cell.connections[port]]
        self.drives = cell.connections["Y"]
        self.made: dict[tuple, list[int]] = {}

    def run(self, values: list[int], graph: Graph) -> list[int]:
        key = tuple([values[net] for net in self.reads])
        found = self.made.get(key)
        if found is None:
            words, start = {}, 0
            for port, size in zip(self.ports, self.sizes):
                words[port] = list(key[start:start + size])
                start += size
            found = self.made[key] = self.compute(graph, words)
        return found


class _Memory:
    """A $mem_v2: words of literals, unregistered read ports, clocked write ports."""

    def __init__(self, cell: Cell, graph: Graph, clock: tuple[int, ...]):
        parameters = cell.parameters
        self.cell, self.width, self.size = cell, parameters["WIDTH"], parameters["SIZE"]
        self.address_bits = parameters["ABITS"]
        ports = {kind: parameters[f"{kind}_PORTS"] for kind in ("RD", "WR")}
        if parameters["OFFSET"] or any(parameters[f"RD_{what}"] for what in ("CLK_ENABLE", "WIDE_CONTINUATION")):
            raise NotUnderstood(f"cell {cell.where} is a memory with registered or wide read ports")
        if parameters["WR_WIDE_CONTINUATION"] or any(clock[0] != net for net in cell.connections["WR_CLK"]):
            raise NotUnderstood(f"cell {cell.where} is a memory with another clock or a wide write port")
        connections = cell.connections
        self.reads = [(self._part(connections["RD_ADDR"], i, self.address_bits), self._part(connections["RD_DATA"], i, self.width))
                      for i in range(ports["RD"])]
        self.writes = [(self._part(connections["WR_ADDR"], i, self.address_bits), self._part(connections["WR_DATA"], i, self.width),
                        self._part(connections["WR_EN"], i, self.width)) for i in range(ports["WR"])]
        if ports["WR"] and parameters["WR_CLK_ENABLE"] != (1 << ports["WR"]) - 1 or ports["WR"] > 1:
            raise NotUnderstood(f"cell {cell.where} is a memory with several or unclocked write ports")
        self.beyond = [graph.free(("beyond", cell.name, bit)) for bit in range(self.width)]
        self.words = [[self._initial(graph, word, bit) for bit in range(self.width)] for word in range(self.size)]
        self.lost = 0

    @staticmethod
    def _part(nets: tuple[int, ...], index: int, width: int) -> tuple[int, ...]:
        return nets[index * width:(index + 1) * width]

    def _initial(self, graph: Graph, word: int, bit: int) -> int:
        text, place = self.cell.parameters["INIT"], word * self.width + bit
        if isinstance(text, int):
            return text >> place & 1
        digit = text[-1 - place] if place < len(text) else "x"
        return int(digit) if digit in "01" else graph.free(("word", self.cell.name, word, bit))

    def age(self, frames: int) -> bool:
        """What is stored is so many frames older; whether that changes anything."""
        if not frames or not self.writes:
            return False
        before, self.words = self.words, [[aged(literal, frames) for literal in word] for word in self.words]
        return before != self.words

    def write(self, values: list[int], graph: Graph) -> bool:
        """Whether anything may have been written."""
        written = False
        for address, data, enable in self.writes:
            enables = [values[net] for net in enable]
            if not any(enables):
                continue
            written = True
            places = [values[net] for net in address]
            literals = [values[net] for net in data]
            for word in range(self.size):
                hit = 1
                for bit, literal in enumerate(places):
                    hit = graph.and_(hit, literal ^ 1 ^ (word >> bit & 1))
                if hit:
                    self.words[word] = [graph.mux(graph.and_(hit, enabled), old, new)
                                        for enabled, old, new in zip(enables, self.words[word], literals)]
        return written


class _Read:
    def __init__(self, memory: _Memory, address: tuple[int, ...], data: tuple[int, ...]):
        self.memory, self.reads, self.drives = memory, address, data

    def run(self, values: list[int], graph: Graph) -> list[int]:
        memory = self.memory
        address = [values[net] for net in self.reads]
        if all(literal < 2 for literal in address):
            place = sum(literal << bit for bit, literal in enumerate(address))
            return memory.words[place] if place < memory.size else memory.beyond
        if len(address) > 14:
            raise NotUnderstood(f"cell {memory.cell.where} is read at an address of {len(address)} unknown bits")
        words = memory.words + [memory.beyond] * ((1 << len(address)) - memory.size)
        return [graph.select(address, [entry[bit] for entry in words]) for bit in range(memory.width)]


def _in_order(netlist: Netlist, memories: list[_Memory]) -> list:
    """The combinational steps, each after what it reads. NotUnderstood for a combinational circle."""
    steps: list = [_Read(memory, address, data) for memory in memories for address, data in memory.reads]
    for cell in netlist.cells:
        if cell.type in ("$dff", "$mem_v2"):
            continue
        plain = all(len(nets) == 1 for nets in cell.connections.values())
        steps.append(_PLAIN[cell.type](cell) if plain and cell.type in _PLAIN else _Word(cell))
    driver = {net: index for index, step in enumerate(steps) for net in step.drives}
    waiting, readers = [], [[] for _ in steps]
    for index, step in enumerate(steps):
        needs = {driver[net] for net in step.reads if net in driver}
        waiting.append(len(needs))
        for need in needs:
            readers[need].append(index)
    ready, ordered = [index for index, count in enumerate(waiting) if not count], []
    while ready:
        index = ready.pop()
        ordered.append(steps[index])
        for reader in readers[index]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(ordered) != len(steps):
        raise NotUnderstood("the design has a combinational circle")
    return ordered
