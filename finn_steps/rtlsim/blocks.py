"""Which modules of a design are verilated and compiled by themselves: once, however many of them there are, and kept by content.

Verilator copies the code of every instance into one model: the sum of 490 lanes eight times in a layer of four elements. A block is a
model of its own, with a small module that stands for it (stand_in.py). Only texts as rtl/stage.py writes them are taken apart:
`  module #(\\n.name(value), ...\\n  ) name (` in the top module's file, and one module a file of its name.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from finn_steps.tools.cache import content_key

INSTANCE = re.compile(r"^  (\w+) (?:#\(\n((?: +\.\w+\([^()\n]*\),?\n)+)  \) )?(?=\w+ \(\n)", re.MULTILINE)
PARAMETER = re.compile(r"\.(\w+)\(([^()\n]*)\)")
LANES, LANE, TEXT = "folded_lanes", 5000, 10
"""Bytes of C++, about, of a lane, and of a byte of a generated module's text."""
LEAST = 1_000_000
"""Bytes of C++ from which on a module is a block, all instances together: its own calls of Verilator and g++ take a second or two."""
NEUTRAL = "block"
"""What a block's module is called in its own library, whatever it is called in the design: equal ones are one."""


Content = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]
"""(files that a module needs, name -> text, its own last and named NEUTRAL; its parameters)."""


@dataclass(frozen=True)
class Block:
    """A module with its parameters, as Content says, of which a design has so many `instances`."""

    files: tuple[tuple[str, str], ...]
    parameters: tuple[tuple[str, str], ...]
    instances: int

    @property
    def size(self) -> int:
        return size_of((self.files, self.parameters))

    @property
    def library(self) -> str:
        """The name of its library, in C++ identifiers that are its own in any program."""
        return f"b{content_key(*(part for pair in (*self.files, *self.parameters) for part in pair))}"


@dataclass(frozen=True)
class Parts:
    """A design taken apart: `files`, name -> text, in which the module stand_in(place) stands for blocks[place]."""

    files: dict[str, str]
    blocks: tuple[Block, ...]

    @property
    def repeated(self) -> float:
        """How many times a cycle runs what is compiled once, about."""
        return sum(block.size * block.instances for block in self.blocks) / max(1, sum(block.size for block in self.blocks)) or 1.0


def part(files: dict[str, str], top: str) -> Parts:
    """Take out what is large. `files` in order of use, name -> text; all of it stays, where nothing is large, or one instance alone."""
    place = f"{top}.sv"
    instances = [key_of(match) for match in INSTANCE.finditer(files.get(place, ""))]
    contents = {each: content(*each, files) for each in dict.fromkeys(instances) if is_apart(*each, files)}
    counts = Counter(contents[each] for each in instances if each in contents)
    large = [one for one, number in counts.items() if size_of(one) * number >= LEAST]
    if sum(counts[one] for one in large) < 2:
        return Parts(dict(files), ())

    def renamed(match: re.Match) -> str:
        one = contents.get(key_of(match))
        return f"  {stand_in(large.index(one))} " if one in large else match[0]

    texts = {**files, place: INSTANCE.sub(renamed, files[place])}
    kept = needed(place, texts)
    return Parts({name: text for name, text in texts.items() if name in kept}, tuple(Block(*one, counts[one]) for one in large))


def key_of(match: re.Match) -> tuple[str, tuple[tuple[str, str], ...]]:
    """(module, parameters) of an instance."""
    return match[1], tuple(PARAMETER.findall(match[2] or ""))


def is_apart(module: str, parameters: tuple[tuple[str, str], ...], files: dict[str, str]) -> bool:
    """Whether a module can be a block: lanes, or generated ones, which have no parameters."""
    return f"{module}.sv" in files and (module == LANES or not parameters)


def stand_in(place: int) -> str:
    """What the module that stands for a block is called."""
    return f"{NEUTRAL}{place}"


def content(module: str, parameters: tuple[tuple[str, str], ...], files: dict[str, str]) -> Content:
    own = re.sub(rf"\b{module}\b", NEUTRAL, files[f"{module}.sv"])
    others = needed(f"{module}.sv", files) - {f"{module}.sv"}
    return (*((name, text) for name, text in files.items() if name in others), (f"{NEUTRAL}.sv", own)), parameters


def size_of(one: Content) -> int:
    """Bytes of C++ of one instance, about."""
    files, parameters = one
    return LANE * int(dict(parameters)["SIMD"]) if parameters else TEXT * len(files[-1][1])


def needed(name: str, texts: dict[str, str]) -> set[str]:
    """The files that a file names modules of, and they of others; itself."""
    found, left = set(), [name]
    while left:
        at = left.pop()
        if at not in found:
            found.add(at)
            left += [f"{word}.sv" for word in set(re.findall(r"\w+", texts[at])) if f"{word}.sv" in texts]
    return found
