"""Frames through a design, all of them at once: from every state before a reset, for every content, until the state comes
back."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from finn_steps.proof.limits import Deadline, NotUnderstood
from finn_steps.proof.graph import Graph, later
from finn_steps.proof.machine import NOW, Machine
from finn_steps.proof.netlist import Netlist

RESET_CYCLES = 4


@dataclass(frozen=True)
class Answers:
    """data: for each beat of an answer the literals of m_axis_0_tdata, of frame 0; last: m_axis_0_tlast. The same for every
    frame, from the first after reset on: after `frames` frames and `cycles` cycles the state is what it was, up to the frames
    that came in between."""

    data: list[list[int]]
    last: list[int]
    frames: int
    cycles: int


@dataclass(frozen=True)
class Pattern:
    """In cycle c, counted from the end of reset, a beat is offered unless c % period is in `gaps`, and taken unless it is in
    `stalls`."""

    name: str
    period: int = 1
    gaps: frozenset[int] = frozenset()
    stalls: frozenset[int] = frozenset()

    @classmethod
    def every(cls, cycles: int) -> Pattern:
        """As soon as a design takes frames that takes one every so many cycles, and nothing waits for it."""
        return cls(f"one in {cycles} cycles", cycles, frozenset(range(cycles - 1)))


def run_frames(netlist: Netlist, graph: Graph, pattern: Pattern, in_beats: int, out_beats: int, deadline: Deadline,
               assumed: dict[tuple[int, int], int] | None = None) -> Answers:
    """Run until the state recurs. `assumed`: (beat, bit) of s_axis_0_tdata -> the literal that it is. NotUnderstood where control depends
    on data or on what was before the reset, where answers differ from frame to frame, or where nothing recurs before the deadline. A
    design without ready takes every frame, and all answers must be equally late."""
    machine = Machine(netlist, graph, "ap_clk")
    driver = _Driver(machine, pattern, in_beats, out_beats, assumed or {})
    driver.reset()
    return driver.run(deadline)


class _Driver:
    def __init__(self, machine: Machine, pattern: Pattern, in_beats: int, out_beats: int, assumed: dict[tuple[int, int], int]):
        self.machine, self.graph, self.pattern = machine, machine.graph, pattern
        self.in_beats, self.out_beats = in_beats, out_beats
        width = len(machine.netlist.ports["s_axis_0_tdata"][1])
        self.beats = [[later(assumed[beat, bit] if (beat, bit) in assumed else self.graph.input((beat, bit)), NOW) for bit in range(width)]
                      for beat in range(in_beats)]
        self.lasts = [later(self.graph.input((beat, "last")), NOW) for beat in range(in_beats)]
        self.idle = [self.graph.free(("idle", bit)) for bit in range(width + 1)]
        self.taken = self.given = 0
        self.answers: list[tuple[list[int], int]] = []
        self.waits = "s_axis_0_tready" in machine.netlist.ports
        self.cycle, self.taken_in, self.latencies = 0, [], set()

    def reset(self) -> None:
        for _ in range(RESET_CYCLES):
            self._cycle(0, 0, reset=True)
        self.machine.set("ap_rst_n", [1])

    def _cycle(self, offered: int, ready: int, reset: bool = False) -> None:
        machine, frame, beat = self.machine, self.taken // self.in_beats, self.taken % self.in_beats
        data, last = (self.beats[beat], self.lasts[beat]) if offered else (self.idle[:-1], self.idle[-1])
        for port, literals in (("ap_rst_n", [int(not reset)]), ("s_axis_0_tdata", data), ("s_axis_0_tvalid", [offered]),
                               ("s_axis_0_tlast", [last]), ("m_axis_0_tready", [ready])):
            if port in machine.netlist.ports:
                machine.set(port, literals)
        machine.settle()
        if not reset:
            takes, gives = machine.get("s_axis_0_tready")[0] if self.waits else 1, machine.get("m_axis_0_tvalid")[0]
            if takes > 1 or gives > 1:
                name = "s_axis_0_tready" if takes > 1 else "m_axis_0_tvalid"
                raise NotUnderstood(f"{name} depends on data, or on the state before the reset")
            if gives and ready:
                self._give(machine.get("m_axis_0_tdata"), machine.get("m_axis_0_tlast")[0] if self.waits else 0)
            self.taken_in += [self.cycle] * (takes & offered)
            self.taken += takes & offered
            self.cycle += 1
        machine.clock_edge(self.taken // self.in_beats - frame)

    def _give(self, data: list[int], last: int) -> None:
        """An outgoing beat belongs to the frame that its number says; all frames must be answered by the same functions."""
        frame, beat = divmod(self.given, self.out_beats)
        ago = self.taken // self.in_beats - frame
        answer = ([later(literal, ago - NOW) for literal in data], later(last, ago - NOW))
        if len(self.answers) <= beat:
            self.answers.append(answer)
        elif self.answers[beat] != answer:
            raise NotUnderstood(f"beat {beat} of frame {frame} is not answered like that of the first frame ({self.pattern.name})")
        self.given += 1
        if not self.waits and frame < len(self.taken_in):
            self.latencies.add(self.cycle - self.taken_in[frame])
            if len(self.latencies) > 1:
                raise NotUnderstood(f"frame {frame} is answered after another time than the first, and nothing waits ({self.pattern.name})")
        if self.given > self.taken * max(1, self.out_beats):
            raise NotUnderstood("more comes out than went in")

    def run(self, deadline: Deadline) -> Answers:
        pattern, seen = self.pattern, {}
        for cycle in count():
            deadline.check()
            place = cycle % pattern.period
            if place == 0 and self.taken % self.in_beats == 0:
                frame = self.taken // self.in_beats
                key = (self.machine.state(), frame * self.out_beats - self.given)
                before = seen.get(key)
                if before is not None and frame > before and len(self.answers) == self.out_beats:
                    data, last = zip(*self.answers)
                    return Answers(list(data), list(last), frame, cycle)
                seen.setdefault(key, frame)
            self._cycle(int(place not in pattern.gaps), int(place not in pattern.stalls))
