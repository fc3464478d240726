"""The rooms of the project and what they import of each other: `python -m tests.house` draws docs/house.svg."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

import networkx

from build_dataflow.configuration import ROOT

PACKAGES = ("build_dataflow", "deploy", "finn_steps", "models")
PICTURE = ROOT / "docs" / "house.svg"


def modules() -> dict[str, Path]:
    """Dotted name -> file."""
    paths = [path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): ROOT / path for path in paths}


@lru_cache(maxsize=1)
def imports() -> networkx.DiGraph:
    """Which module imports which, in functions too."""
    known, graph = modules(), networkx.DiGraph()
    graph.add_nodes_from(known)
    for name, path in known.items():
        for node in ast.walk(ast.parse(path.read_text())):
            graph.add_edges_from((name, target) for target in targets(node, known) if target != name)
    return graph


def targets(node: ast.AST, known: dict[str, Path]) -> list[str]:
    """The known modules that an import statement names; `from room import module` names the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names if alias.name in known]
    if not isinstance(node, ast.ImportFrom) or node.level or node.module not in known:
        return []
    within = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in known else node.module for name in within]


def room_of(module: str) -> str:
    """finn_steps has rooms; the other packages are one each."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "finn_steps" and len(parts) > 1 else parts[0]


def rooms() -> networkx.DiGraph:
    """Which room imports which."""
    graph = networkx.DiGraph(((room_of(above), room_of(below)) for above, below in imports().edges))
    graph.remove_edges_from(list(networkx.selfloop_edges(graph)))
    return graph


def storeys(graph: networkx.DiGraph) -> list[list[list[str]]]:
    """From the top down, each room as low as what it imports allows; rooms that import each other stand together."""
    groups = networkx.condensation(graph)
    rising = networkx.topological_generations(groups.reverse())
    return [sorted(sorted(groups.nodes[group]["members"]) for group in storey) for storey in rising][::-1]


WIDTH, HEIGHT, ROW, LEFT = 150, 44, 92, 10
STYLE = """svg{font:12px sans-serif;background:#fff}rect{fill:#eef3f8;stroke:#4a6b8a}text{fill:#1b2733;text-anchor:middle}
path{stroke:#6b7f92;fill:none;marker-end:url(#tip)}#tip path{fill:#6b7f92;stroke:none;marker-end:none}
@media(prefers-color-scheme:dark){svg{background:#14191f}rect{fill:#22303d;stroke:#8fb3d4}text{fill:#e6edf3}}"""


def picture() -> str:
    """The rooms, each above what it imports; an arrow that follows from others is left out, rooms in one frame import each other."""
    graph = rooms()
    places = placed(storeys(graph))
    wide = max(x for x, _ in places.values()) + WIDTH + LEFT
    body = "".join(frame(group, places) for storey in storeys(graph) for group in storey if len(group) > 1)
    body += "".join(arrow(places[above], places[below]) for above, below in steps(graph))
    body += "".join(box(room, *place) for room, place in sorted(places.items()))
    tall = max(y for _, y in places.values()) + HEIGHT + LEFT
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {tall}" role="img"><title>The rooms of qapflow, each above what it '
            f"imports</title><style>{STYLE}</style><defs>{tip}</defs>{body}</svg>\n")


def placed(rows: list[list[list[str]]]) -> dict[str, tuple[int, int]]:
    """Room -> x, y of its box; rows are centred."""
    found, most = {}, max(sum(map(len, row)) for row in rows)
    for number, row in enumerate(rows):
        names = [room for group in row for room in group]
        start = LEFT + (most - len(names)) * (WIDTH + 24) // 2
        found |= {room: (start + at * (WIDTH + 24), LEFT + number * ROW) for at, room in enumerate(names)}
    return found


def steps(graph: networkx.DiGraph) -> list[tuple[str, str]]:
    """The arrows: between groups as few as say the same, each between two rooms that do import."""
    groups = networkx.condensation(graph)
    found = []
    for above, below in networkx.transitive_reduction(groups).edges:
        pairs = [(a, b) for a in sorted(groups.nodes[above]["members"]) for b in sorted(groups.nodes[below]["members"]) if graph.has_edge(a, b)]
        found.append(pairs[0])
    return sorted(found)


def box(room: str, x: int, y: int) -> str:
    return (f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6"/>'
            f'<text x="{x + WIDTH // 2}" y="{y + HEIGHT // 2 + 4}">{room.replace(".", "/")}</text>')


def frame(group: list[str], places: dict[str, tuple[int, int]]) -> str:
    x, y = places[group[0]]
    wide = places[group[-1]][0] + WIDTH - x
    return f'<rect x="{x - 8}" y="{y - 8}" width="{wide + 16}" height="{HEIGHT + 16}" rx="10" stroke-dasharray="4 3"/>'


def arrow(above: tuple[int, int], below: tuple[int, int]) -> str:
    (x, y), (into, onto) = above, below
    return f'<path d="M{x + WIDTH // 2} {y + HEIGHT}L{into + WIDTH // 2} {onto - 1}"/>'


if __name__ == "__main__":
    PICTURE.write_text(picture())
    print(f"wrote {PICTURE.relative_to(ROOT)}")
