"""Runs a netlist cycle by cycle on literals of a Graph: control is concrete where it depends on no data, data stay symbolic."""

from __future__ import annotations

from finn_steps.proof.cells import evaluator
from finn_steps.proof.graph import FRAMED, NEXT, Graph, first_frame, later
from finn_steps.proof.limits import NotUnderstood
from finn_steps.proof.netlist import Cell, Netlist

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

    def set(self, port: str, literals: list[int]) -> None:
        for net, literal in zip(self.netlist.ports[port][1], literals):
            self.values[net] = literal

    def get(self, port: str) -> list[int]:
        return [self.values[net] for net in self.netlist.ports[port][1]]

    def settle(self) -> None:
        """All wires, from the state and the ports."""
        values, graph = self.values, self.graph
        for step in self.steps:
            step.run(values, graph)

    def clock_edge(self) -> None:
        """The state of the next cycle."""
        values = self.values
        following = [values[net] for net in self.sources]
        for memory in self.memories:
            memory.write(values, self.graph)
        for net, literal in zip(self.targets, following):
            values[net] = literal

    def state(self, frames: int) -> tuple[int, ...]:
        """Of all registers and memories, seen `frames` frames later."""
        stored = [literal for memory in self.memories if memory.writes for word in memory.words for literal in word]
        return tuple(literal - (frames << 2) if literal & 2 else literal
                     for literal in [*(self.values[net] for net in self.targets), *stored])


class _Not:
    """One bit."""

    def __init__(self, cell: Cell):
        self.reads, self.drives = cell.connections["A"], cell.connections["Y"]
        (self.a,), (self.y,) = self.reads, self.drives

    def run(self, values: list[int], graph: Graph) -> None:
        values[self.y] = values[self.a] ^ 1


class _Gate:
    """A cell of two one-bit inputs. Where each is what it was, of the next frame, so is the output."""

    def __init__(self, cell: Cell):
        self.make = {"$and": Graph.and_, "$or": Graph.or_, "$xor": Graph.xor}[cell.type]
        (self.a,), (self.b,), (self.y,) = (cell.connections[port] for port in "ABY")
        self.reads, self.drives = (self.a, self.b), (self.y,)
        self.last_a = self.last_b = -1

    def run(self, values: list[int], graph: Graph) -> None:
        a, b = values[self.a], values[self.b]
        if a - self.last_a == (NEXT if a & FRAMED else 0) and b - self.last_b == (NEXT if b & FRAMED else 0):
            if values[self.y] & FRAMED:
                values[self.y] += NEXT
        elif a != self.last_a or b != self.last_b:
            values[self.y] = self.make(graph, a, b)
        self.last_a, self.last_b = a, b


class _Mux:
    """Of one bit; see _Gate."""

    def __init__(self, cell: Cell):
        (self.s,), (self.a,), (self.b,), (self.y,) = (cell.connections[port] for port in "SABY")
        self.reads, self.drives = (self.s, self.a, self.b), (self.y,)
        self.last = (-1, -1, -1)

    def run(self, values: list[int], graph: Graph) -> None:
        s, a, b = now = values[self.s], values[self.a], values[self.b]
        if now == self.last:
            return
        if all(new - old == (NEXT if new & FRAMED else 0) for new, old in zip(now, self.last)):
            if values[self.y] & FRAMED:
                values[self.y] += NEXT
        else:
            values[self.y] = graph.mux(s, a, b)
        self.last = now


_PLAIN = {"$not": _Not, "$and": _Gate, "$or": _Gate, "$xor": _Gate, "$mux": _Mux}


class _Word:
    """Any other combinational cell; what it made of the same inputs before, up to a shift in time, it makes again."""

    def __init__(self, cell: Cell):
        self.compute = evaluator(cell)
        self.cell = cell
        self.ports = [port for port in cell.connections if port != "Y"]
        self.sizes = [len(cell.connections[port]) for port in self.ports]
        self.reads = [net for port in self.ports for net in cell.connections[port]]
        self.drives = cell.connections["Y"]
        self.last: list[int] = []
        self.made: dict[tuple, list[int]] = {}

    def run(self, values: list[int], graph: Graph) -> None:
        inputs = [values[net] for net in self.reads]
        if inputs == self.last:
            return
        self.last = inputs
        base = first_frame(inputs)
        moved = [literal - (base << 2) if literal & 2 else literal for literal in inputs] if base else inputs
        key = tuple(moved)
        found = self.made.get(key)
        if found is None:
            words, start = {}, 0
            for port, size in zip(self.ports, self.sizes):
                words[port] = moved[start:start + size]
                start += size
            found = self.made[key] = self.compute(graph, words)
        for net, literal in zip(self.drives, found):
            values[net] = later(literal, base)


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

    def write(self, values: list[int], graph: Graph) -> None:
        for address, data, enable in self.writes:
            enables = [values[net] for net in enable]
            if not any(enables):
                continue
            places = [values[net] for net in address]
            literals = [values[net] for net in data]
            for word in range(self.size):
                hit = 1
                for bit, literal in enumerate(places):
                    hit = graph.and_(hit, literal ^ 1 ^ (word >> bit & 1))
                if hit:
                    self.words[word] = [graph.mux(graph.and_(hit, enabled), old, new)
                                        for enabled, old, new in zip(enables, self.words[word], literals)]


class _Read:
    def __init__(self, memory: _Memory, address: tuple[int, ...], data: tuple[int, ...]):
        self.memory, self.reads, self.drives = memory, address, data

    def run(self, values: list[int], graph: Graph) -> None:
        memory = self.memory
        address = [values[net] for net in self.reads]
        if all(literal < 2 for literal in address):
            place = sum(literal << bit for bit, literal in enumerate(address))
            word = memory.words[place] if place < memory.size else memory.beyond
        else:
            if len(address) > 14:
                raise NotUnderstood(f"cell {memory.cell.where} is read at an address of {len(address)} unknown bits")
            words = memory.words + [memory.beyond] * ((1 << len(address)) - memory.size)
            word = [graph.select(address, [entry[bit] for entry in words]) for bit in range(memory.width)]
        for net, literal in zip(self.drives, word):
            values[net] = literal


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
